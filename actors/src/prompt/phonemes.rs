/// IPA and X-SAMPA in the program's own letters; None when a sound is not among them, and the text is read instead.
pub(super) fn translate(alphabet: &str, ph: &str) -> Option<String> {
    let column = |row: &(&'static str, &'static str, &'static str)| if alphabet == "x-sampa" { row.1 } else { row.0 };
    let mut out = String::new();
    let mut rest = ph;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() || matches!(first, '.' | '\u{32f}' | '\u{329}' | '\u{361}' | '\u{203f}' | '-') {
            // Syllables, ties and spaces: nothing to say.
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let fits = |row: &&(&'static str, &'static str, &'static str)| {
            let sound = column(row);
            !sound.is_empty() && rest.starts_with(sound)
        };
        let row = SOUNDS.iter().filter(fits).max_by_key(|row| column(row).len())?;
        out.push_str(row.2);
        rest = &rest[column(row).len()..];
    }
    (!out.is_empty()).then_some(out)
}

/// IPA, X-SAMPA, espeak-ng.
const SOUNDS: &[(&str, &str, &str)] = &[
    ("ˈ", "\"", "'"),
    ("ˌ", "%", ","),
    ("ː", ":", ":"),
    ("p", "p", "p"),
    ("b", "b", "b"),
    ("t", "t", "t"),
    ("d", "d", "d"),
    ("k", "k", "k"),
    ("ɡ", "g", "g"),
    ("g", "", "g"),
    ("f", "f", "f"),
    ("v", "v", "v"),
    ("θ", "T", "T"),
    ("ð", "D", "D"),
    ("s", "s", "s"),
    ("z", "z", "z"),
    ("ʃ", "S", "S"),
    ("ʒ", "Z", "Z"),
    ("tʃ", "tS", "tS"),
    ("t͡ʃ", "t_S", "tS"),
    ("dʒ", "dZ", "dZ"),
    ("d͡ʒ", "d_Z", "dZ"),
    ("h", "h", "h"),
    ("x", "x", "x"),
    ("ç", "C", "C"),
    ("m", "m", "m"),
    ("n", "n", "n"),
    ("ŋ", "N", "N"),
    ("ɲ", "J", "n^"),
    ("l", "l", "l"),
    ("ɫ", "5", "l"),
    ("ʎ", "L", "l^"),
    ("r", "r", "r"),
    ("ɹ", "r\\", "r"),
    ("ɾ", "4", "t#"),
    ("ʁ", "R", "R"),
    ("j", "j", "j"),
    ("w", "w", "w"),
    ("ʔ", "?", "?"),
    ("i", "i", "i"),
    ("iː", "i:", "i:"),
    ("ɪ", "I", "I"),
    ("e", "e", "e"),
    ("eɪ", "eI", "eI"),
    ("ɛ", "E", "E"),
    ("æ", "{", "a"),
    ("a", "a", "a"),
    ("aɪ", "aI", "aI"),
    ("aʊ", "aU", "aU"),
    ("ɑ", "A", "A:"),
    ("ɑː", "A:", "A:"),
    ("ɒ", "Q", "0"),
    ("ɔ", "O", "O:"),
    ("ɔː", "O:", "O:"),
    ("ɔɪ", "OI", "OI"),
    ("o", "o", "o"),
    ("oʊ", "oU", "oU"),
    ("əʊ", "@U", "oU"),
    ("ʊ", "U", "U"),
    ("u", "u", "u"),
    ("uː", "u:", "u:"),
    ("ʌ", "V", "V"),
    ("ə", "@", "@"),
    ("ɚ", "@`", "3"),
    ("ɝ", "3`", "3:"),
    ("ɜ", "3", "3:"),
    ("ɜː", "3:", "3:"),
    ("ɪə", "I@", "i@"),
    ("eə", "e@", "e@"),
    ("ʊə", "U@", "U@"),
    ("y", "y", "y"),
    ("ø", "2", "Y"),
    ("œ", "9", "W"),
    ("ɨ", "1", "I2"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_name_the_same_sounds() {
        assert_eq!(translate("ipa", "pɪˈkɑːn").as_deref(), Some("pI'kA:n"));
        assert_eq!(translate("x-sampa", "pI\"kA:n").as_deref(), Some("pI'kA:n"));
        assert_eq!(translate("ipa", "tʃ iː z").as_deref(), Some("tSi:z"));
        assert_eq!(translate("ipa", "həˈloʊ").as_deref(), Some("h@'loU"));
        for unknown in ["", "]]", "ʘ", "[[", " . "] {
            assert_eq!(translate("ipa", unknown), None, "{unknown}");
        }
    }
}
