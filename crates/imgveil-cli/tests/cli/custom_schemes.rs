//! Schemes from a file: `--scheme FILE.toml`.

use crate::common::sandbox::*;
use crate::sets::{OWN, SET, set};

#[test]
fn a_scheme_of_ones_own_encrypts_and_decrypts_without_its_file() {
    for colour in [false, true] {
        let sandbox = Sandbox::new();
        set(&sandbox, colour);
        sandbox.write("own.toml", OWN.as_bytes());
        sandbox.does("encrypt -k k.key -s own.toml in enc", 6, "0.0", "two-sizes");
        std::fs::remove_file(sandbox.path("own.toml")).unwrap();
        sandbox.does("decrypt -k k.key enc back", 6, "0.0", "two-sizes");
        for (source, written) in SET {
            let plain = sandbox.pixels(&format!("in/{source}"));
            assert_eq!(sandbox.pixels(&format!("back/{written}")), plain);
            assert_ne!(sandbox.pixels(&format!("enc/{written}")), plain);
        }
        let stages = [
            "pixel-shuffling block=4x4 key=shared",
            "sign-flip block=4x4 key=shared",
            "rotation-inversion block=8x8",
            "block-scrambling block=8x8",
        ];
        assert_eq!(sandbox.manifest("enc")["scheme"], serde_json::json!({ "name": "two-sizes", "stages": stages }));
    }
}

#[test]
fn the_key_of_a_scheme_of_ones_own_can_be_written_out() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/a.png", grey(16, 24, 0));
    sandbox.picture("in/b.png", grey(16, 24, 1));
    sandbox.write("own.toml", OWN.as_bytes());
    let export = sandbox.run("key export-tables -k k.key -s own.toml --size 16x24x1 -o own.npz");
    assert_eq!(export.code, 0, "{}", export.err);
    sandbox.does("encrypt -k k.key -s own.toml in key", 2, "0.0", "two-sizes");
    assert_eq!(sandbox.run("encrypt --tables own.npz -s own.toml in tables").code, 0);
    for name in ["a.png", "b.png"] {
        assert_eq!(sandbox.pixels(&format!("tables/{name}")), sandbox.pixels(&format!("key/{name}")));
    }
}

/// The bits depend on the list of stages only, not on the name of the scheme or its file.
#[test]
fn a_preset_written_as_a_file_gives_the_presets_bits() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.write("own.toml", b"[[stage]]\nstage = 'nibble-shuffling'\nblock = 4\n");
    sandbox.does("encrypt -k k.key -s own.toml in own", 2, "0.0", "own");
    sandbox.does("encrypt -k k.key -s le in le", 2, "0.0", "le");
    for name in ["a.png", "b.png"] {
        assert_eq!(sandbox.pixels(&format!("own/{name}")), sandbox.pixels(&format!("le/{name}")));
    }
}

#[test]
fn the_blocks_of_a_scheme_of_ones_own_tile_together() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/a.png", grey(12, 20, 0));
    sandbox.write("own.toml", OWN.as_bytes());
    let right = |words: &str| words.contains("blocks of 8x8 pixels do not tile an image of 12x20");
    sandbox.refuses_like("encrypt -k k.key -s own.toml in out", USAGE, right);
    sandbox.does("encrypt -k k.key -s own.toml --pad in enc", 1, "0.0", "two-sizes");
    assert_eq!(sandbox.pixels("enc/a.png").0, 16);
    sandbox.does("decrypt -k k.key enc back", 1, "0.0", "two-sizes");
    assert_eq!(sandbox.pixels("back/a.png"), sandbox.pixels("in/a.png"));
}

#[test]
fn a_file_that_is_no_scheme_is_refused_with_its_line() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    for (text, words) in [
        ("[[stage]\n", "own.toml:1: this is no TOML: unclosed array table, expected `]`"),
        (
            "name = \"mine\"\nstages = 4\n",
            "own.toml:2: `stages` means nothing here; a scheme has a name and stages ([[stage]])",
        ),
        (
            "[[stage]]\nstage = \"block-scrambling\"\nblocks = 4\n",
            "own.toml:3: block-scrambling has no field `blocks`; it has block, key",
        ),
        (
            "name = \"vit\"\n[[stage]]\nstage = \"keystream\"\n",
            "own.toml:1: `vit` is the name of a built-in scheme; choose another, so that nobody mixes their results up",
        ),
        ("[[stage]]\nstage = \"sign-flip\"\n", "own.toml:1: sign-flip needs the field `block`"),
    ] {
        sandbox.write("own.toml", text.as_bytes());
        sandbox.refuses("encrypt -k k.key -s own.toml in out", USAGE, words);
        #[cfg(feature = "train")]
        sandbox.refuses("train --data in -k k.key -s own.toml -o run", USAGE, words);
    }
    sandbox.write("own.toml", &[b'#'; 100_000]);
    let words = "own.toml:1: this is too long for a scheme: more than 65536 bytes";
    sandbox.refuses("encrypt -k k.key -s own.toml in out", USAGE, words);
    let words = "there is no scheme file away/own.toml: check the path";
    sandbox.refuses("encrypt -k k.key -s away/own.toml in out", USAGE, words);
    std::fs::create_dir(sandbox.path("dir.toml")).unwrap();
    sandbox
        .refuses_like("encrypt -k k.key -s dir.toml in out", 1, |words| words.contains("the scheme file dir.toml: "));
}

#[test]
fn options_beside_a_scheme_of_ones_own_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    sandbox.write("own.toml", OWN.as_bytes());
    for option in [
        "--block 4",
        "--key-scope block",
        "--scramble",
        "--sign-flip",
        "--statistic mean",
        "--channel-table permutations",
    ] {
        let flag = option.split(' ').next().unwrap();
        let words = format!(
            "{flag} is for the built-in schemes; own.toml says by itself what its stages do: change it there, and \
            leave {flag} out"
        );
        sandbox.refuses(&format!("encrypt -k k.key -s own.toml {option} in out"), USAGE, &words);
    }
}

/// The name is used in names of folders and printed on terminals.
#[test]
fn a_set_whose_scheme_has_a_strange_name_is_not_trusted() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    assert_eq!(sandbox.run("encrypt -k k.key in enc").code, 0);
    let text = String::from_utf8(sandbox.read("enc/imgveil.json")).unwrap();
    sandbox.write("enc/imgveil.json", text.replace("\"shuffle-flip\"", "\"../../up\"").as_bytes());
    let right = |words: &str| words.contains("the name `../../up` does not begin with a letter or digit");
    sandbox.refuses_like("decrypt -k k.key enc back", DATASET, right);
}
