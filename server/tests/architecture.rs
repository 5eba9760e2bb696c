//! The workspace's edges are held here: imports point one way, and what is pure cannot reach I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Crates that may be imported, by who imports. A crate that is not here may import nothing of the workspace.
const EDGES: &[(&str, &[&str])] = &[
    ("tandem-model", &[]),
    ("tandem-codecs", &["tandem-model"]),
    ("tandem-sip", &["tandem-model"]),
    ("tandem-sdp", &["tandem-model"]),
    // LaML knows neither SIP nor media: it says what a caller is to experience.
    ("tandem-laml", &["tandem-model"]),
    ("tandem-media", &["tandem-model", "tandem-codecs"]),
    ("tandem-call", &["tandem-model", "tandem-sip", "tandem-sdp", "tandem-media", "tandem-laml", "tandem-codecs"]),
    (
        "tandem-actors",
        &["tandem-model", "tandem-sip", "tandem-sdp", "tandem-media", "tandem-laml", "tandem-call", "tandem-codecs"],
    ),
    (
        "tandem",
        &["tandem-actors", "tandem-model", "tandem-laml", "tandem-call", "tandem-sip", "tandem-media", "tandem-codecs"],
    ),
    (
        "tandem-benches",
        &["tandem-model", "tandem-sip", "tandem-sdp", "tandem-media", "tandem-laml", "tandem-call", "tandem-codecs"],
    ),
    // A load generator is the other side of the wire.
    ("tandem-loadtest", &["tandem-model", "tandem-codecs", "tandem-media"]),
];

/// Whoever links one of these can do I/O, keep time, spawn or draw random numbers by itself.
const IMPURE: &[&str] = &[
    "actix",
    "actix-rt",
    "actix-web",
    "async-std",
    "core_affinity",
    "crossbeam",
    "crossbeam-channel",
    "getrandom",
    "hyper",
    "mio",
    "nix",
    "rand",
    "rayon",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "sqlx",
    "tokio",
    "tracing-subscriber",
];

struct Package {
    name: String,
    folder: String,
    dependencies: BTreeSet<String>,
}

fn packages() -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let out = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let root = text(&metadata["workspace_root"]);
    let of = |p: &Value| Package {
        name: text(&p["name"]),
        folder: text(&p["manifest_path"]).trim_start_matches(&root).trim_matches('/').to_owned(),
        dependencies: p["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            // Tests may reach for anything; what is shipped may not.
            .filter(|d| d["kind"].as_str() != Some("dev"))
            .map(|d| text(&d["name"]))
            .collect(),
    };
    metadata["packages"].as_array().expect("packages").iter().map(of).collect()
}

/// What is wrong with these packages, one line each.
fn problems(packages: &[Package]) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let names: BTreeSet<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let mut problems = Vec::new();
    for package in packages {
        let Some(may) = allowed.get(package.name.as_str()) else {
            problems.push(format!("{} has no place in the map of edges", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| names.contains(d.as_str())) {
            if !may.contains(&dependency.as_str()) {
                problems.push(format!("{} must not import {dependency}", package.name));
            }
        }
        let pure = package.folder.starts_with("engine/") || package.folder.starts_with("codecs/");
        for dependency in package.dependencies.iter().filter(|d| pure && IMPURE.contains(&d.as_str())) {
            problems.push(format!("{} is pure and must not depend on {dependency}", package.name));
        }
    }
    problems
}

#[test]
fn imports_point_one_way_and_pure_crates_stay_pure() {
    let packages = packages();
    assert!(packages.len() >= EDGES.len(), "the workspace is seen whole: {}", packages.len());
    let problems = problems(&packages);
    assert!(problems.is_empty(), "{problems:#?}\nsee docs/architecture.md, \"Invariants\"");
}

#[test]
fn every_direct_dependency_has_its_reason_on_the_page() {
    let page = include_str!("../../docs/dependencies.md");
    let packages = packages();
    let own: BTreeSet<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let all: BTreeSet<&str> = packages.iter().flat_map(|p| p.dependencies.iter().map(String::as_str)).collect();
    let silent: Vec<&&str> = all.iter().filter(|d| !own.contains(**d) && !page.contains(&format!("`{d}`"))).collect();
    assert!(silent.is_empty(), "docs/dependencies.md says nothing of {silent:?}");
}

#[test]
fn a_wrong_edge_an_impure_engine_and_a_stranger_are_found() {
    let package = |name: &str, folder: &str, dependencies: &[&str]| Package {
        name: name.into(),
        folder: folder.into(),
        dependencies: dependencies.iter().map(|d| (*d).to_owned()).collect(),
    };
    let wrong = [
        package("tandem-laml", "engine/laml/Cargo.toml", &["tandem-sip", "roxmltree"]),
        package("tandem-sip", "engine/sip/Cargo.toml", &["tokio", "bytes"]),
        package("tandem-actors", "actors/Cargo.toml", &["tokio"]),
        package("tandem-new", "new/Cargo.toml", &[]),
    ];
    assert_eq!(
        problems(&wrong),
        [
            "tandem-laml must not import tandem-sip",
            "tandem-sip is pure and must not depend on tokio",
            "tandem-new has no place in the map of edges",
        ]
    );
}
