//! Mutants × properties: which property notices which broken rule, and in how many steps.

use std::fmt;

use quorate_spec::mutants::Implied;

/// Columns in a block of the printed matrix: it has to fit into 120 columns.
const BLOCK: usize = 26;

/// One mutant's row.
pub(crate) struct Row {
    pub(crate) mutant: String,
    pub(crate) bug: Option<&'static str>,
    /// The model that killed it.
    pub(crate) model: Option<&'static str>,
    /// What fell in it, and in how many steps at best.
    pub(crate) fallen: Vec<(&'static str, usize)>,
    pub(crate) survives: Option<&'static str>,
}

/// The whole matrix.
pub(crate) struct Matrix {
    /// What is claimed of every state of some model.
    claims: Vec<&'static str>,
    /// The claims, then what else can kill.
    columns: Vec<&'static str>,
    rows: Vec<Row>,
    implied: &'static [Implied],
}

impl Matrix {
    pub(crate) fn new(
        claims: Vec<&'static str>,
        others: &[&'static str],
        rows: Vec<Row>,
        implied: &'static [Implied],
    ) -> Self {
        let mut columns = claims.clone();
        let fallen = rows.iter().flat_map(|row| row.fallen.iter().map(|(name, _)| *name));
        for name in fallen.chain(others.iter().copied()) {
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
        Matrix { claims, columns, rows, implied }
    }

    /// What is not shown of a claim: that some mutant breaks it and nothing else, or that it is implied. Also
    /// what of the list of the implied is not true any more.
    pub(crate) fn unshown(&self) -> Vec<String> {
        let listed = |name: &str| self.implied.iter().any(|implied| implied.property == name);
        let alone = |name: &str| self.killers(name).iter().any(|row| row.fallen.len() == 1);
        let bare = self.claims.iter().filter(|name| !alone(name) && !listed(name));
        let bare =
            bare.map(|name| format!("{name}: NO MUTANT breaks it alone, and it is not listed as implied"));
        let stale = self.implied.iter().filter(|implied| alone(implied.property));
        let stale = stale
            .map(|implied| format!("{}: LISTED AS IMPLIED, but a mutant breaks it alone", implied.property));
        let known = |name: &&str| self.claims.contains(name);
        let names = self.implied.iter().flat_map(|implied| implied.by.iter().chain([&implied.property]));
        let unknown = names
            .filter(|name| !known(name))
            .map(|name| format!("{name}: IS NO CLAIM, but listed with the implied"));
        let circle = self.implied.iter().flat_map(|implied| implied.by).filter(|name| listed(name));
        let circle = circle.map(|name| format!("{name}: IMPLIES, but is itself listed as implied"));
        bare.chain(stale).chain(unknown).chain(circle).collect()
    }

    fn killers(&self, property: &str) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.steps(property).is_some()).collect()
    }

    /// What a property's mutants say about it.
    fn teeth(&self, property: &str) -> String {
        let killers = self.killers(property);
        let private: Vec<&str> =
            killers.iter().filter(|row| row.fallen.len() == 1).map(|row| row.mutant.as_str()).collect();
        let implied = self.implied.iter().find(|implied| implied.property == property);
        match (private.len(), implied) {
            (0, Some(Implied { by, why, .. })) => format!("implied by {}: {why}", by.join(" and ")),
            (0, None) if killers.is_empty() => "no mutant".into(),
            (0, None) => {
                let n = killers.len();
                let always = |other: &&&str| {
                    **other != property && killers.iter().all(|row| row.steps(other).is_some())
                };
                let company: Vec<&str> = self.columns.iter().filter(always).copied().collect();
                match company.is_empty() {
                    true => format!("notices {n}, each together with some other"),
                    false => {
                        format!("notices {n}, never without {}", company.join(" and "))
                    }
                }
            }
            (n, _) => {
                let more = if n > 3 { format!(" and {} more", n - 3) } else { String::new() };
                format!("alone notices {}{more}", private[..n.min(3)].join(", "))
            }
        }
    }

    /// The matrix as a page.
    pub(crate) fn markdown(&self) -> String {
        let mut page =
            String::from("| mutant | model | noticed by, with the fewest steps |\n|---|---|---|\n");
        for row in &self.rows {
            let mut fallen: Vec<String> = row.fallen.iter().map(|(name, n)| format!("{name} {n}")).collect();
            if let (true, Some(why)) = (fallen.is_empty(), row.survives) {
                fallen.push(format!("survives: {why}"));
            }
            let bug = row.bug.map(|key| format!(" ({key})")).unwrap_or_default();
            let model = row.model.unwrap_or("–");
            page += &format!("| `{}`{bug} | {model} | {} |\n", row.mutant, fallen.join(", "));
        }
        page += "\n| property | its mutants |\n|---|---|\n";
        for property in &self.columns {
            page += &format!("| {property} | {} |\n", self.teeth(property));
        }
        page
    }
}

impl Row {
    fn steps(&self, property: &str) -> Option<usize> {
        self.fallen.iter().find(|(name, _)| *name == property).map(|(_, steps)| *steps)
    }
}

/// The short head of a column: A to Z, then a to z.
fn letter(column: usize) -> char {
    let letters = ('A'..='Z').chain('a'..='z');
    letters.cycle().nth(column).expect("a cycle does not end")
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for block in (0..self.columns.len()).collect::<Vec<_>>().chunks(BLOCK) {
            let heads: String = block.iter().map(|c| format!("{:>3}", letter(*c))).collect();
            writeln!(f, "{:<32}{heads}", "steps to a counterexample")?;
            let noticed = |row: &&Row| block.iter().any(|c| row.steps(self.columns[*c]).is_some());
            for row in self.rows.iter().filter(noticed) {
                let cell = |c: &usize| match row.steps(self.columns[*c]) {
                    Some(steps) => format!("{steps:>3}"),
                    None => "  ·".into(),
                };
                writeln!(f, "{:<32}{}", row.mutant, block.iter().map(cell).collect::<String>())?;
            }
            writeln!(f)?;
        }
        for (column, property) in self.columns.iter().enumerate() {
            writeln!(f, "{} {property:<28} {}", letter(column), self.teeth(property))?;
        }
        writeln!(f)
    }
}
