//! `imgveil demo`.

use serde_json::Value;
use std::process::Command;

#[test]
fn the_demo_learns_through_the_schemes_and_not_through_the_keystream() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_imgveil"))
        .args(["demo", "--device", "cpu", "--json", "-o", "out"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = result["lines"].as_array().unwrap();
    let schemes: Vec<&str> = lines.iter().map(|line| line["scheme"].as_str().unwrap()).collect();
    assert_eq!(schemes, ["none", "shuffle-flip", "shuffle-flip", "keystream"]);
    let auc: Vec<f64> = lines.iter().map(|line| line["auc"].as_f64().unwrap()).collect();
    assert!(auc[..3].iter().all(|&auc| auc > 0.85), "{auc:?}");
    assert!((0.35..0.65).contains(&auc[3]), "{auc:?}");
    let sheet = image::open(folder.path().join("out/contact-sheet.png")).unwrap().into_rgb8();
    assert!(sheet.width() > 800 && sheet.height() > 500);
    let schemes = image::open(folder.path().join("out/schemes.png")).unwrap().into_rgb8();
    assert!(schemes.width() > 800 && schemes.height() > 800);
    // The key can be read by its owner only.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join("out/demo.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
