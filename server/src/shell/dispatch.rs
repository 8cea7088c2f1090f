//! Which function carries out which command.

use super::call::Call;
use super::commands::Verb;
use super::failure::Failure;
use super::{archive, edit, ensemble, holding, inspect, moving, quota, reading, watching, writing};

/// Carry out a command that needs a session.
pub(super) async fn run(verb: Verb, call: &Call<'_>) -> Result<(), Failure> {
    match verb {
        Verb::AddAuth => ensemble::add_auth(call).await,
        Verb::AddWatch => watching::add(call).await,
        Verb::Close => {
            call.session.close().await;
            call.out.value(&serde_json::json!({ "closed": true }));
            Ok(())
        }
        Verb::Cp => moving::cp(call).await,
        Verb::Du => inspect::du(call).await,
        Verb::Edit => edit::edit(call).await,
        Verb::Elect => holding::elect(call).await,
        Verb::Export => archive::export(call).await,
        Verb::Find => inspect::find(call).await,
        Verb::Import => archive::import(call).await,
        Verb::Lock => holding::lock(call).await,
        Verb::Mv => moving::mv(call).await,
        Verb::Tree => inspect::tree(call).await,
        Verb::Config => ensemble::config(call).await,
        Verb::Create => writing::create(call).await,
        Verb::DelQuota => quota::delete(call).await,
        Verb::Delete => writing::delete(call).await,
        Verb::DeleteAll => writing::delete_all(call).await,
        Verb::Get => reading::get(call).await,
        Verb::GetAcl => reading::get_acl(call).await,
        Verb::GetAllChildrenNumber => reading::count(call).await,
        Verb::GetEphemerals => reading::get_ephemerals(call).await,
        Verb::ListQuota => quota::list(call).await,
        Verb::Ls => reading::ls(call).await,
        Verb::Reconfig => ensemble::reconfig(call).await,
        Verb::RemoveWatches => watching::remove(call).await,
        Verb::Set => writing::set(call).await,
        Verb::SetAcl => writing::set_acl(call).await,
        Verb::SetQuota => quota::set(call).await,
        Verb::Stat => reading::stat(call).await,
        Verb::Sync => reading::sync(call).await,
        Verb::Version => ensemble::version(call),
        Verb::Watch => watching::follow(call).await,
        Verb::WhoAmI => ensemble::who_am_i(call).await,
        // The shell has done these.
        Verb::Connect | Verb::Help | Verb::History | Verb::PrintWatches | Verb::Quit | Verb::Redo => Ok(()),
    }
}
