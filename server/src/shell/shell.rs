//! The shell itself: lines become commands, with history, exit codes and connections.

use std::collections::BTreeMap;

use serde_json::json;

use super::args::Settings;
use super::call::Call;
use super::commands::{self, Command, Verb};
use super::failure::Failure;
use super::flags::Parsed;
use super::printer::Printer;
use super::session::{Events, Session};
use super::{dispatch, help, line, reading, show};

/// How many commands `history` prints.
const SHOWN: usize = 10;

/// The exit code of a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// What a shell remembers.
pub(super) struct Shell {
    settings: Settings,
    printer: Printer,
    events: Events,
    session: Session,
    /// The servers as they were typed.
    host: String,
    history: BTreeMap<usize, String>,
    count: usize,
    exit: u8,
    quits: bool,
    script: bool,
}

impl Shell {
    /// A shell with a session, whose first connection may come later.
    ///
    /// # Errors
    /// The servers cannot be read, or there is no connection in time where one is to be waited for.
    pub(super) async fn begin(settings: Settings, printer: Printer) -> Result<Self, Failure> {
        let events = Events::new(printer.clone());
        let host = settings.server.clone();
        let session = connect(&settings, &host, &events).await?;
        Ok(Shell {
            settings,
            printer,
            events,
            session,
            host,
            history: BTreeMap::new(),
            count: 0,
            exit: 0,
            quits: false,
            script: false,
        })
    }

    pub(super) fn prompt(&self) -> String {
        format!("[zk: {}({}) {}] ", show::name(&self.host), self.session.state(), self.count)
    }

    /// The exit code of the last command.
    pub(super) fn exit_code(&self) -> u8 {
        self.exit
    }

    /// Whether there is nothing more to do.
    pub(super) fn is_over(&self) -> bool {
        self.quits || self.printer.closed()
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Standard input has the commands.
    pub(super) fn reads_a_script(&mut self) {
        self.script = true;
    }

    /// Close the session without a word.
    pub(super) async fn end(&self) {
        self.events.want(false);
        self.session.close().await;
    }

    /// A line that was typed; a blank one is nothing.
    pub(super) async fn line(&mut self, text: &str) {
        let words = line::words(text);
        if words.is_empty() {
            return;
        }
        self.history.insert(self.count, text.to_owned());
        self.history.retain(|number, _| number + 1000 > self.count);
        self.run(words).await;
        self.count += 1;
    }

    /// A line that could not be read.
    pub(super) fn refused(&mut self, failure: &Failure) {
        self.exit = failure.exit_code();
    }

    /// A line of a person: Ctrl-C interrupts the command.
    pub(super) async fn line_or_interrupt(&mut self, text: &str) {
        if minds_interrupts(line::words(text).first()) {
            return self.line(text).await;
        }
        let number = self.count;
        let wanted = self.events.are_wanted();
        tokio::select! {
            () = self.line(text) => return,
            _ = tokio::signal::ctrl_c() => {}
        }
        self.interrupted(wanted);
        self.count = number + 1;
    }

    /// A command of the command line, which Ctrl-C ends.
    pub(super) async fn run_or_interrupt(&mut self, words: Vec<String>) {
        if minds_interrupts(words.first()) {
            return self.run(words).await;
        }
        let wanted = self.events.are_wanted();
        tokio::select! {
            () = self.run(words) => return,
            _ = tokio::signal::ctrl_c() => {}
        }
        self.interrupted(wanted);
    }

    /// The command is over without an end; what it had changed in the shell is as before.
    fn interrupted(&mut self, events_wanted: bool) {
        self.events.want(events_wanted);
        self.exit = INTERRUPTED;
        self.printer.flush();
    }

    /// Carry out a command, and print why it failed.
    pub(super) async fn run(&mut self, words: Vec<String>) {
        self.exit = match self.carry_out(words).await {
            // The exit code of a shell is that of the command before.
            Ok(()) if self.quits => self.exit,
            Ok(()) => 0,
            Err((failure, printer)) => {
                printer.failure(&failure);
                failure.exit_code()
            }
        };
        self.printer.flush();
    }

    async fn carry_out(&mut self, words: Vec<String>) -> Result<(), (Failure, Printer)> {
        let (words, json) = without_json(words);
        let printer = self.printer.for_programs(json);
        self.command(words, &printer).await.map_err(|failure| (failure, printer))
    }

    async fn command(&mut self, words: Vec<String>, printer: &Printer) -> Result<(), Failure> {
        let name = words.first().map_or("", String::as_str);
        let Some(command) = commands::find(name) else {
            printer.complain(commands::listing().trim_end_matches('\n'));
            return Err(Failure::not_found(&show::name(name)));
        };
        match command.verb {
            Verb::Quit => {
                self.session.close().await;
                self.quits = true;
                return Ok(());
            }
            Verb::Redo if words.len() > 1 => Box::pin(self.redo(&words[1])).await?,
            Verb::History => self.print_history(printer),
            Verb::PrintWatches => self.print_watches(words.get(1), printer),
            Verb::Connect => self.connect(words.get(1).cloned()).await?,
            Verb::Help => return help::print(words.get(1).map(String::as_str), printer),
            _ => {}
        }
        if !self.session.is_alive() {
            printer.line("Not connected");
            printer.value(&json!({ "connected": false }));
            return Ok(());
        }
        self.ask(command, &words, printer).await
    }

    /// Commands that need a session.
    async fn ask(&self, command: &Command, words: &[String], printer: &Printer) -> Result<(), Failure> {
        let parsed = self.parse(command, &words[1..], printer)?;
        let call = Call {
            session: &self.session,
            out: printer,
            events: &self.events,
            parsed: &parsed,
            script: self.script,
        };
        dispatch::run(command.verb, &call).await
    }

    fn parse(&self, command: &Command, words: &[String], printer: &Printer) -> Result<Parsed, Failure> {
        let parsed = command.read(words)?;
        let had_a_watch = matches!(command.verb, Verb::Get | Verb::Ls | Verb::Stat);
        match reading::with_old_watch(words, parsed.args.len()) {
            Some(words) if had_a_watch => {
                printer.complain(&reading::old_watch_is_deprecated(command.name));
                command.read(&words)
            }
            _ => Ok(parsed),
        }
    }

    async fn redo(&mut self, number: &str) -> Result<(), Failure> {
        let number = decode(number)
            .ok_or_else(|| Failure::new(format!("redo: {} is not a number", show::name(number))))?;
        let line = usize::try_from(number).ok().filter(|number| *number < self.count);
        let Some(line) = line.and_then(|number| self.history.get(&number).cloned()) else {
            return Err(Failure::new("Command index out of range"));
        };
        let words = line::words(&line);
        if words.first().is_some_and(|name| name == "redo") {
            return Err(Failure::new("No redoing redos"));
        }
        self.history.insert(self.count, line);
        self.run(words).await;
        Ok(())
    }

    fn print_history(&self, printer: &Printer) {
        let shown = self.history.range(self.count.saturating_sub(SHOWN)..=self.count);
        for (number, line) in shown.clone() {
            printer.line(&format!("{number} - {}", show::name(line)));
        }
        let list = shown.map(|(number, line)| json!({ "number": number, "command": line }));
        printer.value(&json!({ "history": list.collect::<Vec<_>>() }));
    }

    fn print_watches(&self, wanted: Option<&String>, printer: &Printer) {
        if let Some(wanted) = wanted {
            self.events.want(wanted == "on");
        }
        let state = if self.events.are_wanted() { "on" } else { "off" };
        if wanted.is_none() {
            printer.line(&format!("printwatches is {state}"));
        }
        printer.value(&json!({ "printwatches": state }));
    }

    async fn connect(&mut self, host: Option<String>) -> Result<(), Failure> {
        let host = host.unwrap_or_else(|| self.host.clone());
        if self.session.is_alive() {
            self.session.close().await;
        }
        self.session = connect(&self.settings, &host, &self.events).await?;
        self.host = host;
        Ok(())
    }
}

/// Whether a command ends in an orderly way when it is interrupted.
fn minds_interrupts(name: Option<&String>) -> bool {
    let verb = name.and_then(|name| commands::find(name)).map(|command| command.verb);
    matches!(verb, Some(Verb::Lock | Verb::Elect | Verb::Edit))
}

async fn connect(settings: &Settings, host: &str, events: &Events) -> Result<Session, Failure> {
    let session = Session::begin(settings, host, events)?;
    if settings.wait_for_connection
        && let Err(failure) = session.wait(settings.timeout).await
    {
        session.close().await;
        return Err(failure);
    }
    Ok(session)
}

/// The words without `--json`, and whether it was among them. What is behind `--` is not looked at.
fn without_json(words: Vec<String>) -> (Vec<String>, bool) {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let mut json = false;
    let keep = |(i, word): (usize, String)| {
        let flag = i > 0 && i < end && word == "--json";
        json |= flag;
        (!flag).then_some(word)
    };
    let words = words.into_iter().enumerate().filter_map(keep).collect();
    (words, json)
}

/// A number as Java decodes it: decimal, `0x`, `#` or octal.
fn decode(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match (digits.get(..1), digits.get(..2)) {
        (_, Some("0x" | "0X")) => (16, &digits[2..]),
        (Some("#"), _) => (16, &digits[1..]),
        (Some("0"), Some(_)) => (8, &digits[1..]),
        _ => (10, digits),
    };
    let number = i32::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with(['-', '+']))?;
    Some(sign * i64::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_commands() {
        for (text, number) in [
            ("10", Some(10)),
            ("0x1f", Some(31)),
            ("#1f", Some(31)),
            ("010", Some(8)),
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("+2", Some(2)),
            ("--2", None),
            ("", None),
            ("x", None),
            ("\u{e4}", None),
        ] {
            assert_eq!(decode(text), number, "{text:?}");
        }
    }

    #[test]
    fn json_is_a_flag_of_every_command() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(without_json(words("ls --json /a")), (words("ls /a"), true));
        assert_eq!(without_json(words("create /a -- --json")), (words("create /a -- --json"), false));
        assert_eq!(without_json(words("--json")), (words("--json"), false));
    }
}
