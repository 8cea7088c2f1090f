//! Values with types: a codec makes bytes of them, and values of bytes.
//!
//! ```no_run
//! # #[cfg(feature = "json")]
//! # async fn example(client: quorate_client::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use quorate_client::typed::Json;
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Limits { requests: u32 }
//!
//! let typed = client.typed(Json);
//! typed.create("/limits", &Limits { requests: 100 })?.parents().await?;
//! let (limits, stat) = typed.get::<Limits>("/limits").await?;
//! typed.set("/limits", &Limits { requests: limits.requests * 2 })?.version(stat.version).await?;
//! # Ok(())
//! # }
//! ```

use std::fmt;

use bytes::Bytes;
use quorate_core::wire::record::Stat;

use crate::client::{Client, Create, SetData};
use crate::error::Error;

/// Makes bytes of values, and values of bytes.
pub trait Codec<T> {
    /// Why a value has no bytes, or bytes are no value.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The bytes of a value.
    ///
    /// # Errors
    /// The value cannot be written.
    fn encode(&self, value: &T) -> Result<Bytes, Self::Error>;

    /// The value of bytes.
    ///
    /// # Errors
    /// The bytes are no such value.
    fn decode(&self, bytes: &[u8]) -> Result<T, Self::Error>;
}

/// Text in UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Text;

impl Codec<String> for Text {
    type Error = std::str::Utf8Error;

    fn encode(&self, value: &String) -> Result<Bytes, Self::Error> {
        Ok(Bytes::copy_from_slice(value.as_bytes()))
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, Self::Error> {
        std::str::from_utf8(bytes).map(str::to_owned)
    }
}

/// Bytes as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Raw;

impl Codec<Vec<u8>> for Raw {
    type Error = std::convert::Infallible;

    fn encode(&self, value: &Vec<u8>) -> Result<Bytes, Self::Error> {
        Ok(Bytes::copy_from_slice(value))
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, Self::Error> {
        Ok(bytes.to_vec())
    }
}

/// JSON of any type that serde knows (feature `json`).
#[cfg(feature = "json")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Json;

#[cfg(feature = "json")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Json {
    type Error = serde_json::Error;

    fn encode(&self, value: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(value).map(Bytes::from)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, Self::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Postcard, a short binary form, of any type that serde knows (feature `postcard`).
#[cfg(feature = "postcard")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Postcard;

#[cfg(feature = "postcard")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Postcard {
    type Error = postcard::Error;

    fn encode(&self, value: &T) -> Result<Bytes, Self::Error> {
        postcard::to_allocvec(value).map(Bytes::from)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, Self::Error> {
        postcard::from_bytes(bytes)
    }
}

/// Why a typed value was not read or written.
#[derive(Debug)]
pub enum TypedError<E> {
    /// The operation failed.
    Client(Error),
    /// The data of this znode is no such value, or the value to write there has no bytes.
    Codec {
        /// The path of the znode.
        path: String,
        /// What the codec says.
        why: E,
    },
}

impl<E: fmt::Display> fmt::Display for TypedError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypedError::Client(error) => write!(f, "{error}"),
            TypedError::Codec { path, why } => write!(f, "the value of {path:?}: {why}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for TypedError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TypedError::Client(error) => Some(error),
            TypedError::Codec { why, .. } => Some(why),
        }
    }
}

impl<E> From<Error> for TypedError<E> {
    fn from(error: Error) -> Self {
        TypedError::Client(error)
    }
}

/// A client whose values go through a codec: made by [`Client::typed`].
#[derive(Clone, Copy, Debug)]
pub struct Typed<'a, C> {
    client: &'a Client,
    codec: C,
}

impl<C> Typed<'_, C> {
    /// The value of a znode, and its Stat.
    ///
    /// # Errors
    /// The znode cannot be read, or has no such value.
    pub async fn get<T>(&self, path: &str) -> Result<(T, Stat), TypedError<C::Error>>
    where
        C: Codec<T>,
    {
        let node = self.client.get(path).await?;
        let value = self.codec.decode(&node.data).map_err(|why| failed(path, why))?;
        Ok((value, node.stat))
    }

    /// Create a znode with a value: the call goes on as that of [`Client::create`].
    ///
    /// # Errors
    /// The value has no bytes.
    pub fn create<T>(&self, path: &str, value: &T) -> Result<Create<'_>, TypedError<C::Error>>
    where
        C: Codec<T>,
    {
        let data = self.codec.encode(value).map_err(|why| failed(path, why))?;
        Ok(self.client.create(path).data(data))
    }

    /// Replace the value of a znode: the call goes on as that of [`Client::set`].
    ///
    /// # Errors
    /// The value has no bytes.
    pub fn set<T>(&self, path: &str, value: &T) -> Result<SetData<'_>, TypedError<C::Error>>
    where
        C: Codec<T>,
    {
        let data = self.codec.encode(value).map_err(|why| failed(path, why))?;
        Ok(self.client.set(path, data))
    }

    /// Replace the value of a znode by what `change` makes of it. Another client's change in between repeats
    /// that.
    ///
    /// # Errors
    /// As [`Typed::get`] and [`Typed::set`].
    pub async fn update<T>(
        &self,
        path: &str,
        mut change: impl FnMut(T) -> T,
    ) -> Result<Stat, TypedError<C::Error>>
    where
        C: Codec<T>,
    {
        loop {
            let (value, stat) = self.get::<T>(path).await?;
            match self.set(path, &change(value))?.version(stat.version).await {
                Err(error) if error.is_bad_version() => {}
                result => return Ok(result?),
            }
        }
    }
}

fn failed<E>(path: &str, why: E) -> TypedError<E> {
    TypedError::Codec { path: path.to_owned(), why }
}

impl Client {
    /// Read and write values through a codec: [`Text`], [`Raw`], `Json`, `Postcard`, or one of the caller.
    pub fn typed<C>(&self, codec: C) -> Typed<'_, C> {
        Typed { client: self, codec }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn there_and_back(text: String, bytes: Vec<u8>) {
            prop_assert_eq!(Text.decode(&Text.encode(&text).unwrap()).unwrap(), text);
            prop_assert_eq!(Raw.decode(&Raw.encode(&bytes).unwrap()).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_no_value_is_named_with_its_path() {
        let why = Text.decode(&[0xff]).unwrap_err();
        assert!(failed("/a", why).to_string().starts_with("the value of \"/a\": invalid utf-8"));
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_there_and_back() {
        let value: (u32, Option<String>) = (7, Some("x".to_owned()));
        let bytes = Json.encode(&value).unwrap();
        assert_eq!(&bytes[..], br#"[7,"x"]"#);
        assert_eq!(Codec::<(u32, Option<String>)>::decode(&Json, &bytes).unwrap(), value);
        assert!(Codec::<u32>::decode(&Json, b"x").is_err());
    }

    #[cfg(feature = "postcard")]
    #[test]
    fn postcard_there_and_back() {
        let value: (u32, bool) = (300, true);
        let bytes = Postcard.encode(&value).unwrap();
        assert_eq!(bytes.len(), 3);
        assert_eq!(Codec::<(u32, bool)>::decode(&Postcard, &bytes).unwrap(), value);
    }
}
