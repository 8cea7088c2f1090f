//! The commands of the shell: their names, flags and usage.

use super::failure::Failure;
use super::flags::{Choice, Flag, Parsed, read, switch, table, value};

/// What a command does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    AddAuth,
    AddWatch,
    Close,
    Config,
    Connect,
    Cp,
    Create,
    DelQuota,
    Delete,
    DeleteAll,
    Du,
    Edit,
    Elect,
    Export,
    Find,
    Get,
    GetAcl,
    GetAllChildrenNumber,
    GetEphemerals,
    Help,
    History,
    Import,
    ListQuota,
    Lock,
    Ls,
    Mv,
    PrintWatches,
    Quit,
    Reconfig,
    Redo,
    RemoveWatches,
    Set,
    SetAcl,
    SetQuota,
    Stat,
    Sync,
    Tree,
    Version,
    Watch,
    WhoAmI,
}

/// Whose a command is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// ZooKeeper's shell has it too.
    ZooKeeper,
    /// Only this shell has it.
    Quorate,
}

/// A command as it is typed.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) verb: Verb,
    pub(super) name: &'static str,
    /// What follows the name.
    pub(super) usage: &'static str,
    pub(super) flags: &'static [Flag],
    choice: Choice,
    /// How many words are needed at least.
    needs: usize,
    /// Whether the usage has a table of the flags.
    tabled: bool,
    pub(super) origin: Origin,
    /// What it does, in one sentence.
    pub(super) about: &'static str,
}

impl Command {
    const fn new(verb: Verb, name: &'static str, usage: &'static str, about: &'static str) -> Self {
        Command {
            verb,
            name,
            usage,
            flags: &[],
            choice: Choice::Any,
            needs: 0,
            tabled: false,
            origin: Origin::ZooKeeper,
            about,
        }
    }

    const fn own(self) -> Self {
        Command { origin: Origin::Quorate, tabled: true, ..self }
    }

    const fn flags(self, flags: &'static [Flag]) -> Self {
        Command { flags, ..self }
    }

    const fn one_of(self, choice: Choice, flags: &'static [Flag]) -> Self {
        Command { flags, choice, ..self }
    }

    const fn needs(self, needs: usize) -> Self {
        Command { needs, ..self }
    }

    const fn tabled(self) -> Self {
        Command { tabled: true, ..self }
    }

    /// The name and what follows it.
    pub(super) fn usage(&self) -> String {
        let usage = format!("{} {}", self.name, self.usage);
        if self.tabled && !self.flags.is_empty() { format!("{usage}\n{}", table(self.flags)) } else { usage }
    }

    /// What its words say.
    ///
    /// # Errors
    /// A flag is not known or has no value, or a word is missing.
    pub(super) fn read(&self, words: &[String]) -> Result<Parsed, Failure> {
        let parsed = read(self.flags, self.choice, self.origin == Origin::Quorate, words)?;
        if parsed.args.len() < self.needs { Err(Failure::new(self.usage())) } else { Ok(parsed) }
    }
}

const STATS: Flag = switch("s", "stats");
const WATCH: Flag = switch("w", "watch");
const VERSION: Flag = value("v", "version");
const DRY_RUN: Flag = switch("dry-run", "Say what would be done, and do nothing");
const OVERWRITE: Flag = switch("f", "Replace data and ACLs of znodes that exist");

/// All commands, in the order of their names.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        Verb::AddWatch,
        "addWatch",
        "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is \
         PERSISTENT_RECURSIVE",
        "Watches a znode, or everything from it down, until the watch is removed.",
    )
    .flags(&[value("m", "")])
    .needs(1),
    Command::new(Verb::AddAuth, "addauth", "scheme auth", "Proves an identity, now and after reconnects.")
        .needs(1),
    Command::new(Verb::Close, "close", "", "Closes the session.").one_of(Choice::Unread, &[]),
    Command::new(Verb::Config, "config", "[-c] [-w] [-s]", "Prints the members of the ensemble.").flags(&[
        STATS,
        WATCH,
        switch("c", "client connection string"),
    ]),
    Command::new(
        Verb::Connect,
        "connect",
        "host:port",
        "Begins a new session, with these servers or the same.",
    )
    .one_of(Choice::Unread, &[]),
    Command::new(
        Verb::Cp,
        "cp",
        "[--dry-run] [-f] from to",
        "Copies a znode and everything below it, with ACLs; ephemeral znodes are left out.",
    )
    .own()
    .flags(&[DRY_RUN, OVERWRITE])
    .needs(2),
    Command::new(
        Verb::Create,
        "create",
        "[-s] [-e] [-c] [-t ttl] path [data] [acl]",
        "Creates a znode: sequential, ephemeral, a container, or with a time to live.",
    )
    .flags(&[
        switch("e", "ephemeral"),
        switch("s", "sequential"),
        switch("c", "container"),
        value("t", "ttl"),
    ])
    .needs(1),
    Command::new(Verb::Delete, "delete", "[-v version] path", "Deletes a znode without children.")
        .flags(&[VERSION])
        .needs(1),
    Command::new(
        Verb::DeleteAll,
        "deleteall",
        "path [-b batch size]",
        "Deletes a znode and everything below it.",
    )
    .flags(&[value("b", "batch size")])
    .needs(1),
    Command::new(Verb::DelQuota, "delquota", "[-n|-b|-N|-B] path", "Removes quotas of a subtree.")
        .one_of(
            Choice::AtMostOne,
            &[
                switch("n", "num soft quota"),
                switch("b", "bytes soft quota"),
                switch("N", "num hard quota"),
                switch("B", "bytes hard quota"),
            ],
        )
        .needs(1),
    Command::new(Verb::Du, "du", "[-L levels] path", "Counts znodes and bytes below each child of a znode.")
        .own()
        .flags(&[value("L", "How many levels to print (1)")])
        .needs(1),
    Command::new(
        Verb::Edit,
        "edit",
        "path",
        "Opens the data in $EDITOR, and sets it if no other client has set it meanwhile.",
    )
    .own()
    .needs(1),
    Command::new(
        Verb::Elect,
        "elect",
        "[-id text] path [-- command...]",
        "Waits until this client leads, runs the command while it does, and contends again.",
    )
    .own()
    .flags(&[value("id", "What the candidate's znode says (host and process)")])
    .needs(1),
    Command::new(
        Verb::Export,
        "export",
        "path [file]",
        "Writes a znode and everything below it as lines of JSON, with ACLs.",
    )
    .own()
    .needs(1),
    Command::new(
        Verb::Find,
        "find",
        "[-name glob] [-data text] [-e] [-L levels] path",
        "Lists znodes that match.",
    )
    .own()
    .flags(&[
        value("name", "Names that match: * is any text, ? any character"),
        value("data", "Data that contains this"),
        switch("e", "Ephemeral znodes only"),
        value("L", "How many levels to look at"),
    ])
    .needs(1),
    Command::new(Verb::Get, "get", "[-s] [-w] [-b] [-x] path", "Prints the data of a znode.")
        .flags(&[
            switch("s", "Print znode stats additionally"),
            switch("w", "Watch for changes on the znode"),
            switch("b", "Output data in base64 format"),
            switch("x", "Output data in hexdump format"),
        ])
        .needs(1)
        .tabled(),
    Command::new(Verb::GetAcl, "getAcl", "[-s] path", "Prints the ACL of a znode.").flags(&[STATS]).needs(1),
    Command::new(
        Verb::GetAllChildrenNumber,
        "getAllChildrenNumber",
        "path",
        "Counts the znodes below a znode, at any depth.",
    )
    .needs(1),
    Command::new(
        Verb::GetEphemerals,
        "getEphemerals",
        "path",
        "Lists the session's ephemeral znodes whose paths begin with this.",
    ),
    Command::new(Verb::Help, "help", "[command]", "Lists the commands, or explains one.").own(),
    Command::new(Verb::History, "history", "", "Prints the last eleven commands.")
        .one_of(Choice::Unread, &[]),
    Command::new(
        Verb::Import,
        "import",
        "[--dry-run] [-f] path [file]",
        "Creates what an export has written, below this path.",
    )
    .own()
    .flags(&[DRY_RUN, OVERWRITE])
    .needs(1),
    Command::new(Verb::ListQuota, "listquota", "path", "Prints the quotas of a subtree, and what it uses.")
        .needs(1),
    Command::new(
        Verb::Lock,
        "lock",
        "[-wait seconds] path -- command...",
        "Runs a command while this client holds the lock, and stops it when the lock is lost.",
    )
    .own()
    .flags(&[value("wait", "Give up after so many seconds")])
    .needs(2),
    Command::new(Verb::Ls, "ls", "[-s] [-w] [-R] path", "Lists the children of a znode.").flags(&[
        switch("?", "help"),
        switch("s", "stat"),
        WATCH,
        switch("R", "recurse"),
    ]),
    Command::new(
        Verb::Mv,
        "mv",
        "[--dry-run] from to",
        "Copies a znode and everything below it, and deletes what was copied, in one transaction.",
    )
    .own()
    .flags(&[DRY_RUN])
    .needs(2),
    Command::new(Verb::PrintWatches, "printwatches", "on|off", "Says whether events are printed.")
        .one_of(Choice::Unread, &[]),
    Command::new(Verb::Quit, "quit", "", "Closes the session and ends the shell.")
        .one_of(Choice::Unread, &[]),
    Command::new(
        Verb::Reconfig,
        "reconfig",
        "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | [-add \
         serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
        "Changes the members of the ensemble.",
    )
    .flags(&[
        STATS,
        value("v", "required current config version"),
        value("file", "path of config file to parse for membership"),
        value("members", "comma-separated list of config strings for non-incremental reconfig"),
        value("add", "comma-separated list of config strings for new servers"),
        value("remove", "comma-separated list of server IDs to remove"),
    ]),
    Command::new(Verb::Redo, "redo", "cmdno", "Runs a command of the history again.")
        .one_of(Choice::Unread, &[]),
    Command::new(
        Verb::RemoveWatches,
        "removewatches",
        "path [-c|-d|-a] [-l]",
        "Removes watches: of children, data, persistent, recursive or any.",
    )
    .flags(&[
        switch("c", "child watcher type"),
        switch("d", "data watcher type"),
        switch("p", "persistent watcher type"),
        switch("r", "persistent recursive watcher type"),
        switch("a", "any watcher type"),
        switch("l", "remove locally when there is no server connection"),
    ])
    .needs(1),
    Command::new(Verb::Set, "set", "path data [-s] [-v version] [-b]", "Sets the data of a znode.")
        .flags(&[
            switch("s", "Print znode stats additionally"),
            value("v", "Set with an expected version"),
            switch("b", "Supply data in base64 format"),
        ])
        .needs(2)
        .tabled(),
    Command::new(Verb::SetAcl, "setAcl", "[-s] [-v version] [-R] path acl", "Sets the ACL of a znode.")
        .flags(&[STATS, VERSION, switch("R", "recursive")])
        .needs(2),
    Command::new(Verb::SetQuota, "setquota", "-n|-b|-N|-B val path", "Sets a quota of a subtree.")
        .one_of(
            Choice::One,
            &[
                value("n", "num soft quota"),
                value("b", "bytes soft quota"),
                value("N", "num hard quota"),
                value("B", "bytes hard quota"),
            ],
        )
        .needs(1),
    Command::new(Verb::Stat, "stat", "[-w] path", "Prints the Stat of a znode.").flags(&[WATCH]).needs(1),
    Command::new(Verb::Sync, "sync", "path", "Lets the server catch up with the leader.").needs(1),
    Command::new(Verb::Tree, "tree", "[-L levels] path", "Draws a subtree.")
        .own()
        .flags(&[value("L", "How many levels to draw")])
        .needs(1),
    Command::new(Verb::Version, "version", "", "Prints the version of the shell."),
    Command::new(
        Verb::Watch,
        "watch",
        "[-n count] path",
        "Follows what happens to a znode and everything below it, until Ctrl-C.",
    )
    .own()
    .flags(&[value("n", "End after so many changes")])
    .needs(1),
    Command::new(Verb::WhoAmI, "whoami", "", "Prints the identities of the connection.")
        .one_of(Choice::Unread, &[]),
];

/// The command of this name; ZooKeeper 3.10 knows `exit` for `quit`.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    let name = if name == "exit" { "quit" } else { name };
    COMMANDS.iter().find(|command| command.name == name)
}

/// What ZooKeeper's shell prints when it does not know a command, each line ended.
pub(super) fn listing() -> String {
    let mut text = "ZooKeeper -server host:port -client-configuration properties-file cmd args\n".to_owned();
    for command in COMMANDS.iter().filter(|command| command.origin == Origin::ZooKeeper) {
        text.push_str(&format!("\t{} {}\n", command.name, command.usage));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_in_order_and_have_names_of_their_own() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        assert!(COMMANDS.iter().all(|command| command.about.ends_with('.')));
        for (i, command) in COMMANDS.iter().enumerate() {
            assert!(COMMANDS[..i].iter().all(|other| other.verb != command.verb), "{command:?}");
        }
    }

    #[test]
    fn words_that_are_missing_bring_the_usage() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let failure = |name: &str, text| find(name).unwrap().read(&words(text)).unwrap_err();
        assert_eq!(failure("stat", "-w").text(), "stat [-w] path");
        assert_eq!(failure("lock", "/a").text(), find("lock").unwrap().usage());
        assert_eq!(
            failure("set", "/a").text(),
            "set path data [-s] [-v version] [-b]\n -b         Supply data in base64 format\n -s         \
             Print znode stats additionally\n -v <arg>   Set with an expected version\n"
        );
        assert!(find("exit").is_some() && find("ls2").is_none());
    }

    #[test]
    fn the_listing_has_the_commands_of_zookeeper() {
        let listing = listing();
        assert_eq!(listing.lines().count(), 29);
        assert!(listing.contains("\tquit \n") && !listing.contains("tree"));
    }
}
