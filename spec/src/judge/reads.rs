//! ZooKeeper's rules for reads. The path of a read is not checked: what is no path is not there.

use super::Judge;
use super::rights::{ADMIN, READ, without_hashes};
use super::rules::{Client, Znode};
use super::words::{Answer, BAD_ARGUMENTS, Op, UNIMPLEMENTED};

impl Judge {
    /// The answer to a request that changes nothing.
    pub fn read(&self, client: Client<'_>, op: &Op) -> Answer {
        self.reads(client, op).unwrap_or_else(Answer::Error)
    }

    fn reads(&self, client: Client<'_>, op: &Op) -> Result<Answer, i32> {
        let readable = |path: &str| -> Result<&Znode, i32> {
            let znode = self.found(path)?;
            self.allowed(client, READ, znode).map(|()| znode)
        };
        Ok(match op {
            Op::Exists(path) if path.contains('\0') => return Err(BAD_ARGUMENTS),
            Op::Exists(path) => Answer::Stat(readable(path)?.stat),
            Op::GetData(path) => {
                let znode = readable(path)?;
                Answer::Data(znode.data.clone(), znode.stat)
            }
            Op::GetAcl(path) => {
                let znode = self.found(path)?;
                self.allowed(client, READ | ADMIN, znode)?;
                let hides = self.allowed(client, ADMIN, znode).is_err();
                let acl = if hides { without_hashes(&znode.acl) } else { znode.acl.to_vec() };
                Answer::Acl(acl, znode.stat)
            }
            Op::GetChildren(path, with_stat) => {
                let znode = readable(path)?;
                let names = self.names(path);
                if *with_stat { Answer::NamesAndStat(names, znode.stat) } else { Answer::Names(names) }
            }
            Op::GetAllChildrenNumber(path) => {
                readable(path)?;
                let top = inside(path);
                Answer::Number(self.below(&top, &top).count() as i32)
            }
            Op::GetEphemerals(prefix) => {
                let prefix = prefix
                    .as_deref()
                    .filter(|prefix| !["", "/"].contains(&prefix.trim_matches(|c| c <= ' ')));
                let owned = self.znodes.iter().filter(|(path, znode)| {
                    znode.stat.ephemeral_owner == client.session && path.starts_with(prefix.unwrap_or("/"))
                });
                Answer::Names(owned.map(|(path, _)| path.clone()).collect())
            }
            Op::MultiRead(parts) => Answer::Parts(parts.iter().map(|part| self.read(client, part)).collect()),
            Op::Sync(path) => Answer::Path(path.clone()),
            _ => return Err(UNIMPLEMENTED),
        })
    }

    /// What comes behind `top` in the paths that begin with it, from `from` on.
    fn below<'a>(&'a self, top: &'a str, from: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let paths = self.znodes.range(from.to_string()..);
        paths.map_while(move |(path, _)| path.strip_prefix(top)).filter(|rest| !rest.is_empty())
    }

    /// The names of a znode's children.
    fn names(&self, path: &str) -> Vec<String> {
        let top = inside(path);
        let mut names = Vec::new();
        let mut from = top.clone();
        while let Some(rest) = self.below(&top, &from).next() {
            // All that is below a child lies between `/` and the character after it.
            from = match rest.split_once('/') {
                Some((name, _)) => format!("{top}{name}0"),
                None => format!("{top}{rest}\0"),
            };
            if !rest.contains('/') {
                names.push(rest.to_string());
            }
        }
        names
    }
}

/// How the paths below a path begin.
fn inside(path: &str) -> String {
    format!("{}/", path.trim_end_matches('/'))
}
