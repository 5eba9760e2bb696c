use proptest::prelude::*;
use tandem_model::limits;

use super::{Node, bounds, read, read_inline};

#[track_caller]
fn refused(body: &[u8], code: u32, line: Option<u32>) {
    let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
    match read(Some("text/xml"), body) {
        Ok(_) => panic!("{shown} was taken"),
        Err(e) => assert_eq!((e.code, e.line), (code, line), "{shown}: {}", e.message),
    }
}

#[track_caller]
fn names(body: &[u8]) -> Vec<String> {
    match read(Some("text/xml"), body) {
        Ok(verbs) => verbs.into_iter().map(|n| n.name).collect(),
        Err(e) => panic!("{}: {e:?}", String::from_utf8_lossy(body)),
    }
}

fn text_of(content_type: &str, body: &[u8]) -> Result<String, u32> {
    read(Some(content_type), body).map(|verbs| verbs.first().map(Node::text).unwrap_or_default()).map_err(|e| e.code)
}

#[test]
fn white_space_and_a_byte_order_mark_before_the_declaration_are_trimmed() {
    assert_eq!(names(b" \r\n\t<?xml version=\"1.0\"?>\n<Response><A/><B/></Response>"), ["A", "B"]);
    assert_eq!(names("\u{feff}<?xml version='1.0' encoding='utf-8'?><Response><A/></Response>".as_bytes()), ["A"]);
    assert_eq!(names("\u{feff}\n<Response><A/></Response>".as_bytes()), ["A"]);
}

#[test]
fn lines_are_counted_from_the_first_byte() {
    let verbs = read_inline("\n\n<?xml version=\"1.0\"?>\n<Response>\n<A\n x='1'/><B>\n<C/></B>\n</Response>").unwrap();
    let lines: Vec<u32> = verbs.iter().map(|n| n.line).collect();
    assert_eq!(lines, [5, 6]);
    assert_eq!(verbs[1].elements().map(|n| n.line).collect::<Vec<_>>(), [7]);
}

#[test]
fn text_that_is_not_xml_is_refused_with_its_line() {
    refused(b"", 12100, Some(1));
    refused(b"hello", 12100, Some(1));
    refused(b"<Response>\n<Say>\n</Response>", 12100, Some(3));
    refused(b"<Response><Say a='1' a='2'/></Response>", 12100, Some(1));
    refused(b"<Response/><Response/>", 12100, Some(1));
    refused(b"\n<response/>", 12100, Some(2));
    refused(b"<Response xmlns='urn:x'/>", 12100, Some(1));
    refused(b"<Response>\nhello</Response>", 12100, Some(1));
    refused(b"<Response><Say>&unknown;</Say></Response>", 12100, Some(1));
    refused(b"<Response><Say>\0</Say></Response>", 12100, Some(1));
    refused(b"<Response", 12100, Some(1));
    refused(b"<Response><!-- ", 12100, Some(1));
    refused(b"<Response><![CDATA[ ", 12100, Some(1));
    refused(b"<Response><a b='", 12100, Some(1));
}

#[test]
fn document_types_entities_and_processing_instructions_are_refused() {
    refused(b"<!DOCTYPE Response><Response/>", 12100, Some(1));
    refused(b"<?xml version='1.0'?>\n<!DOCTYPE r SYSTEM 'http://a/x.dtd'><Response/>", 12100, Some(2));
    refused(b"<Response>\n<?php x ?></Response>", 12100, Some(2));
    refused(b"<?xml-stylesheet href='x'?><Response/>", 12100, Some(1));
    refused(b"<Response><?xml version='1.0'?></Response>", 12100, Some(1));
    let mut laughs = String::from("<!DOCTYPE lolz [<!ENTITY a0 'ha'>");
    for i in 1..20 {
        let inner = format!("&a{};", i - 1).repeat(10);
        laughs.push_str(&format!("<!ENTITY a{i} '{inner}'>"));
    }
    laughs.push_str("]><Response><Say>&a19;</Say></Response>");
    refused(laughs.as_bytes(), 12100, Some(1));
    refused(
        b"<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><Response><Say>&x;</Say></Response>",
        12100,
        Some(1),
    );
}

#[test]
fn a_document_holds_at_most_64_kilobytes() {
    let pad = |total: usize| {
        let frame = "<Response><Say></Say></Response>".len();
        format!("<Response><Say>{}</Say></Response>", "a".repeat(total - frame))
    };
    assert_eq!(names(pad(limits::LAML_DOCUMENT_BYTES_MAX).as_bytes()), ["Say"]);
    refused(pad(limits::LAML_DOCUMENT_BYTES_MAX + 1).as_bytes(), 11750, None);
    refused(&vec![b'<'; 50_000_000], 11750, None);
}

#[test]
fn nesting_elements_attributes_and_namespaces_are_bounded() {
    let nested = |depth: usize| format!("<Response>{}{}</Response>", "<a>".repeat(depth), "</a>".repeat(depth));
    assert_eq!(names(nested(bounds::DEPTH_MAX - 1).as_bytes()), ["a"]);
    refused(nested(bounds::DEPTH_MAX).as_bytes(), 12100, Some(1));
    refused(format!("<Response>{}", "<a>".repeat(10_000)).as_bytes(), 12100, Some(1));
    refused(nested(7_000).as_bytes(), 12100, Some(1));

    let many = |n: u32| format!("<Response>{}</Response>", "<a/>".repeat(n as usize));
    assert_eq!(names(many(limits::LAML_NODES_MAX - 1).as_bytes()).len() as u32, limits::LAML_NODES_MAX - 1);
    refused(many(limits::LAML_NODES_MAX).as_bytes(), 12100, Some(1));
    refused(format!("<Response>{}</Response>", "<!---->".repeat(9_000)).as_bytes(), 12100, Some(1));

    refused(format!("<Response><Say>{}</Say></Response>", "=".repeat(60_000)).as_bytes(), 12100, Some(1));
    refused(format!("<Response><![CDATA[{}]]></Response>", "<".repeat(60_000)).as_bytes(), 12100, Some(1));

    let wide = |n: usize| {
        let attributes: String = (0..n).map(|i| format!(" a{i}=''")).collect();
        format!("<Response><a{attributes}/></Response>")
    };
    assert_eq!(names(wide(bounds::ATTRIBUTES_MAX).as_bytes()), ["a"]);
    refused(wide(bounds::ATTRIBUTES_MAX + 1).as_bytes(), 12100, Some(1));
    refused(format!("<Response>{}</Response>", "<a xmlns:b='c'/>".repeat(9)).as_bytes(), 12100, Some(1));
}

#[test]
fn the_charset_is_that_of_the_header_then_of_the_declaration_then_utf_8() {
    let latin = b"<Response><Say>caf\xe9</Say></Response>";
    assert_eq!(text_of("text/xml; charset=\"ISO-8859-1\"", latin), Ok("café".to_owned()));
    let declared = b"<?xml version='1.0' encoding='iso-8859-1'?><Response><Say>caf\xe9</Say></Response>";
    assert_eq!(text_of("text/xml", declared), Ok("café".to_owned()));
    assert_eq!(text_of("text/xml; charset=utf-8", declared), Err(12100));
    assert_eq!(text_of("text/xml", latin), Err(12100));
    assert_eq!(text_of("text/xml; charset=utf-16", "<Response/>".as_bytes()), Err(12100));
    let utf16: Vec<u8> = "\u{feff}<Response/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(text_of("text/xml", &utf16), Err(12100));
    assert_eq!(text_of("text/xml", b"<?xml version='1.0' encoding='ebcdic'?><Response/>"), Err(12100));
}

#[test]
fn names_in_a_namespace_are_not_taken_for_verbs() {
    assert_eq!(names(b"<Response xmlns:x='urn:y'><x:Say/></Response>"), ["urn:y:Say"]);
    let schema = b"<Response xmlns:xsi='urn:s' xsi:noNamespaceSchemaLocation='a.xsd'><Say/></Response>";
    assert_eq!(names(schema), ["Say"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(Some("text/xml"), &body);
    }

    #[test]
    fn any_pieces_of_xml_are_read_or_refused(pieces in proptest::collection::vec(
        prop_oneof![
            Just("<Response>"), Just("</Response>"), Just("<a b='"), Just("'>"), Just("/>"), Just("<!--"), Just("-->"),
            Just("<![CDATA["), Just("]]>"), Just("<?xml "), Just("?>"), Just("<!"), Just("&lt;"), Just("&#0;"), Just("é"),
            Just("\n"), Just("\u{feff}"), Just("xmlns:a="), Just("\""),
        ], 0..30)) {
        if let Ok(verbs) = read_inline(&pieces.concat()) {
            prop_assert!(verbs.len() <= limits::LAML_NODES_MAX as usize);
        }
    }
}
