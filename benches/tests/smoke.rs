//! Every case runs, as briefly as it can: all counts are 1. What they measure is nobody's business here.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn every_case_gives_a_reading() {
    let json = Path::new(env!("CARGO_TARGET_TMPDIR")).join("smoke.json");
    let output = Command::new(env!("CARGO_BIN_EXE_gort-benches"))
        .args(["--rounds", "1", "--millis", "0", "--json"])
        .arg(&json)
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    println!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let cases = report["cases"].as_array().unwrap();
    assert!(cases.len() > 50, "{}", cases.len());
    for case in cases {
        let skipped = case["runtime"] == "go" && case["skipped"].is_string();
        assert!(
            skipped || case["wall_ns"]["median"].as_f64().unwrap() > 0.0,
            "{case}"
        );
    }
    assert!(!stdout.contains("FAILED"));
}

#[test]
fn mistakes_are_one_clear_message() {
    for arguments in [&["--rounds"][..], &["no-such-case"], &["--child", "no/such", "1"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_gort-benches"))
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("gort-benches: "));
    }
}
