//! What the runs of a comparison found, in a file between them: `work subject key value`, a line each.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

/// Where to put what is found.
#[derive(Args, Clone, Debug)]
pub struct RecordArgs {
    /// File to add what was found to.
    #[arg(long)]
    record: Option<PathBuf>,
    /// Name of what is measured, in that file.
    #[arg(long, default_value = "tandem")]
    subject: String,
    /// Name of the work there, when it is not what the work is called here.
    #[arg(long)]
    work: Option<String>,
}

impl RecordArgs {
    /// Adds one run's figures. Nothing when there is no file.
    ///
    /// # Errors
    /// The file's.
    pub fn add(&self, work: &str, figures: &[(&str, f64)]) -> io::Result<()> {
        let Some(path) = &self.record else { return Ok(()) };
        let work = self.work.as_deref().unwrap_or(work);
        let text: String =
            figures.iter().map(|(key, value)| format!("{work} {} {key} {value}\n", self.subject)).collect();
        OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
    }
}

/// All figures of a comparison, several of a name when it had several rounds.
#[derive(Debug, Default)]
pub struct Records(BTreeMap<(String, String, String), Vec<f64>>);

impl Records {
    /// # Errors
    /// The file's.
    pub fn read(path: &std::path::Path) -> io::Result<Self> {
        Ok(Self::parse(&fs::read_to_string(path)?))
    }

    /// What is no figure is passed over.
    pub fn parse(text: &str) -> Self {
        let mut records = Records::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [work, subject, key, value] = words[..] else { continue };
            if let Ok(value) = value.parse::<f64>() {
                records.0.entry((work.into(), subject.into(), key.into())).or_default().push(value);
            }
        }
        records
    }

    pub fn all(&self, work: &str, subject: &str, key: &str) -> &[f64] {
        self.0.get(&(work.into(), subject.into(), key.into())).map_or(&[], Vec::as_slice)
    }

    /// Of the rounds; None when there is none.
    pub fn median(&self, work: &str, subject: &str, key: &str) -> Option<f64> {
        let mut values = self.all(work, subject, key).to_vec();
        values.sort_by(f64::total_cmp);
        let (last, middle) = (values.len().checked_sub(1)?, values.len() / 2);
        Some((values[middle] + values[last - middle]) / 2.0)
    }

    pub fn largest(&self, work: &str, subject: &str, key: &str) -> Option<f64> {
        self.all(work, subject, key).iter().copied().max_by(f64::total_cmp)
    }

    pub fn sum(&self, work: &str, subject: &str, key: &str) -> f64 {
        self.all(work, subject, key).iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_gathered_by_name() {
        let records =
            Records::parse("relay a cpu 3\nrelay a cpu 1\nrelay a cpu 2\nrelay b cpu 4\nrelay b cpu 6\nnoise\n");
        assert_eq!(records.median("relay", "a", "cpu"), Some(2.0));
        assert_eq!(records.median("relay", "b", "cpu"), Some(5.0));
        assert_eq!(records.largest("relay", "a", "cpu"), Some(3.0));
        assert_eq!((records.sum("relay", "a", "cpu"), records.sum("relay", "c", "cpu")), (6.0, 0.0));
        assert_eq!(records.median("relay", "c", "cpu"), None);
    }

    #[test]
    fn what_is_added_is_read_again() {
        let path = std::env::temp_dir().join(format!("tandem-loadtest-record-{}", std::process::id()));
        let args = RecordArgs { record: Some(path.clone()), subject: "a".into(), work: None };
        args.add("relay", &[("cpu", 1.5), ("lost", 0.0)]).expect("written");
        let renamed = RecordArgs { work: Some("few".into()), ..args.clone() };
        renamed.add("relay", &[("cpu", 2.5)]).expect("written");
        let records = Records::read(&path).expect("there");
        fs::remove_file(&path).expect("removed");
        assert_eq!((records.median("relay", "a", "cpu"), records.all("relay", "a", "lost")), (Some(1.5), &[0.0][..]));
        assert_eq!(records.median("few", "a", "cpu"), Some(2.5));
        RecordArgs { record: None, ..args }.add("relay", &[("cpu", 1.0)]).expect("nothing to do");
        assert!(!path.exists());
    }
}
