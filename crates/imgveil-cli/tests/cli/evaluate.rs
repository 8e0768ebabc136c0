//! `imgveil evaluate`: the report, runs that are cut and go on, and misuse.

use crate::attack::pictures;
use crate::common::sandbox::*;
use serde_json::Value;
use std::process::Stdio;

const QUICK: &str = "evaluate --data in --schemes np,skk --device cpu";

/// What a run leaves as JSON.
fn evaluation(sandbox: &Sandbox, folder: &str) -> Value {
    serde_json::from_slice(&sandbox.read(&format!("{folder}/evaluation.json"))).unwrap()
}

fn page(sandbox: &Sandbox, folder: &str) -> String {
    String::from_utf8(sandbox.read(&format!("{folder}/evaluation.html"))).unwrap()
}

/// The light of each attacker.
fn lights(evaluation: &Value, scheme: &str) -> Vec<String> {
    let of = evaluation["schemes"].as_array().unwrap().iter().find(|of| of["scheme"] == scheme);
    let verdicts = of.unwrap_or_else(|| panic!("{scheme}"))["verdicts"].as_array().unwrap();
    verdicts.iter().map(|verdict| verdict["light"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_report_has_a_verdict_for_each_scheme_and_attacker() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let done = sandbox.run(&format!("{QUICK} -o out"));
    assert_eq!((done.code, done.err.as_str()), (0, "wrote out/evaluation.html\n"), "{}", done.out);
    let expected = "\
in: 24 images of 32x32x1, 2 classes
scheme     only trains     leaked pairs    chosen images   a plain image   the key
np         open            open            open            open            by design
skk        open            open            open            open            by design
none       open            open            open            open            not applicable
keystream  resists         resists         resists         resists         by design
";
    assert_eq!(done.out, expected);
    let found = evaluation(&sandbox, "out");
    assert_eq!((&found["complete"], &found["provenance"]["seed"]), (&Value::from(true), &Value::from(0)));
    assert_eq!(found["provenance"]["command"], "imgveil evaluate --data in --schemes np,skk --seed 0 --limit 300");
    assert_eq!(lights(&found, "np"), ["open", "open", "open", "open", "by-design"]);
    let attacks = found["schemes"][0]["attacks"].as_array().unwrap();
    let told: Vec<&str> = attacks.iter().map(|attack| attack["attack"].as_str().unwrap()).collect();
    assert_eq!(told, ["appearance", "ciphertext", "labels", "key-space", "known", "chosen", "reidentify"]);
    let counts: Vec<u64> = attacks[1]["figures"]["steps"].as_array().unwrap().iter().map(images).collect();
    assert_eq!(counts, [1, 4, 16, 24]);
    // One step of one sample changes one sample of 1,024 under `np`, and all of an image under `keystream`.
    let change = |scheme: usize| found["schemes"][scheme]["attacks"][0]["figures"]["plain_sample"]["npcr"].as_f64();
    assert!((change(0).unwrap() - 1.0 / 1024.0).abs() < 1e-9 && change(3).unwrap() > 0.98, "{found}");

    let page = page(&sandbox, "out");
    // Nothing is loaded, and nothing runs.
    for outside in ["<script", "http://", "https://", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let sources: Vec<&str> = page.split(" src=\"").skip(1).collect();
    assert!(sources.len() > 40 && sources.iter().all(|source| source.starts_with("data:image/png;base64,")));
    for words in [
        "The rule of the lights",
        "What the ends of the scale look like",
        "open</span>",
        "resists</span>",
        "images come back with a mean SSIM of 0.80 or more",
        "imgveil attack known -s np -k out/throwaway.key --seed 0 --limit 300 in",
        "width=device-width",
        "@media print",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

fn images(step: &Value) -> u64 {
    step["images"].as_u64().unwrap()
}

/// The figures of the report are those of the command that stands beside them.
#[test]
fn the_command_beside_a_figure_gives_it() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    assert_eq!(sandbox.run(&format!("{QUICK} --seed 7 -o out")).code, 0);
    let found = evaluation(&sandbox, "out");
    let page = page(&sandbox, "out");
    for attack in ["ciphertext", "known", "chosen", "reidentify", "labels"] {
        let begin = format!("imgveil attack {attack} -s skk ");
        let line = page.split("<code>").find(|code| code.starts_with(&begin)).unwrap().split('<').next().unwrap();
        let done = sandbox.run(&format!("{} --device cpu --json", line.strip_prefix("imgveil ").unwrap()));
        assert_eq!(done.code, 0, "{}", done.err);
        let again: Value = serde_json::from_str(&done.out).unwrap();
        let of = found["schemes"][1]["attacks"].as_array().unwrap().iter().find(|of| of["attack"] == attack).unwrap();
        assert_eq!(again["verdict"], of["verdict"], "{attack}");
    }
}

#[test]
fn a_run_that_is_killed_goes_on_to_the_same_report() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    assert_eq!(sandbox.run(&format!("{QUICK} -o whole")).code, 0);
    let cells = || {
        let files = std::fs::read_dir(sandbox.path("cut/cells")).into_iter().flatten().flatten();
        files.filter(|file| file.file_name().to_string_lossy().starts_with("00")).count()
    };
    let mut cut = 0;
    for _ in 0..20 {
        let _ = std::fs::remove_dir_all(sandbox.path("cut"));
        let mut command = sandbox.command("", &format!("{QUICK} -o cut"));
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while cells() < 3 && run.try_wait().unwrap().is_none() {}
        run.kill().unwrap();
        run.wait().unwrap();
        cut = cells();
        if (3..28).contains(&cut) {
            break;
        }
    }
    assert!((3..28).contains(&cut), "{cut} attacks were done when it was killed");
    assert!(!sandbox.path("cut/evaluation.json").exists());
    let done = sandbox.run(&format!("{QUICK} -o cut"));
    let words = format!("goes on: {cut} of 28 attacks were done before\nwrote cut/evaluation.html\n");
    assert_eq!((done.code, done.err), (0, words));
    assert!(sandbox.read("whole/evaluation.json") == sandbox.read("cut/evaluation.json"));
    // Nothing is left to do.
    let done = sandbox.run(&format!("{QUICK} -o cut --json"));
    assert!(done.err.starts_with("goes on: 28 of 28 attacks"), "{}", done.err);
    assert_eq!(serde_json::from_str::<Value>(&done.out).unwrap(), evaluation(&sandbox, "whole"));
}

#[test]
fn a_budget_of_zero_gives_no_verdict() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let done = sandbox.run(&format!("{QUICK} --budget 0 -o out"));
    assert_eq!(done.code, PARTLY, "{}", done.err);
    assert!(done.err.contains("28 attacks of the report were not reached within the budget of 0s"), "{}", done.err);
    let found = evaluation(&sandbox, "out");
    assert_eq!(found["complete"], false);
    for scheme in ["np", "none", "keystream"] {
        assert_eq!(lights(&found, scheme)[..4], ["undetermined"; 4], "{scheme}");
    }
    let cells = found["schemes"].as_array().unwrap().iter().flat_map(|of| of["attacks"].as_array().unwrap());
    cells.for_each(|cell| assert_eq!((&cell["state"], cell.get("grade")), (&Value::from("not-reached"), None)));
    let page = page(&sandbox, "out");
    assert!(page.contains("This report is not complete. 28 attacks") && page.contains("not reached</span>"));
    assert!(!page.contains("light open\"><span class=\"mark\" aria-hidden=\"true\"></span>open</span></span></td>"));
    // The same command goes on with another budget.
    assert_eq!(sandbox.run(&format!("{QUICK} --budget 1h -o out")).code, 0);
    assert_eq!(evaluation(&sandbox, "out")["complete"], true);
}

#[test]
fn another_option_is_named() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    assert_eq!(sandbox.run(&format!("{QUICK} --budget 0 -o out")).code, PARTLY);
    let refuses = |line: &str, words: &'static str| {
        sandbox.refuses_like(line, USAGE, move |error| error.contains(words));
    };
    refuses(
        &format!("{QUICK} --seed 1 -o out"),
        "out was begun with --seed 0, and this command is with --seed 1: give the same options to go on, or choose",
    );
    refuses(&format!("{QUICK} --resize 16 -o out"), "begun without --resize, and this command is with --resize 16x16");
    refuses("evaluate --data in --schemes np --device cpu -o out", "begun with --schemes np,skk, and this command");
    sandbox.picture("in/smooth/another.png", image::GrayImage::new(32, 32));
    refuses(&format!("{QUICK} -o out"), "out was begun with other images of this name");
}

/// Names and classes are of others.
#[cfg(unix)]
#[test]
fn hostile_names_stay_text() {
    let sandbox = Sandbox::new();
    for (number, class) in ["<b>a", "z\"'onload=x"].iter().enumerate() {
        for seed in 0..4 {
            let name = format!("in/{class}/<img src=x onerror=alert({seed})>&\u{202e}\u{1b}[2J.png");
            let seed = (4 * number + seed) as u32;
            sandbox.picture(&name, grey(32, 32, seed));
        }
    }
    let done = sandbox.run(&format!("{QUICK} -o out"));
    assert_eq!(done.code, 0, "{}", done.err);
    let page = page(&sandbox, "out");
    assert!(page.contains("&lt;img src=x onerror=alert(0)&gt;&amp;\\u{202e}\\u{1b}[2J"));
    assert!(page.contains("&lt;b&gt;a") && page.contains("z&quot;&#39;onload=x"));
    assert!(!page.contains("<img src=x") && !page.contains("<b>") && !page.contains("\"'onload"));
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'));
}

#[test]
fn accuracy_and_speed_stand_beside_the_leak() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    sandbox.write(
        "study/table.csv",
        b"scheme,network,flags,runs,auc_mean,auc_sd,auc_against_plain,balanced_accuracy_mean,balanced_accuracy_sd,\
          accuracy_mean,accuracy_sd,parameters,seconds_mean,images_per_second_mean\n\
          np,cnn,,2,0.912,0.004,-0.021,0.8,0.01,0.81,0.01,1000,2.0,50\nle,cnn,,2,0.9,,,0.8,,0.8,,1000,2.0,50\n",
    );
    sandbox.write(
        "bench.json",
        br#"{"tool":"imgveil 9","commit":null,"devices":[{"device":"GPU <x>","rows":[{"scheme":"np","geometry":
        "32x32x1","way":"bytes to bytes","images":1,"images_per_second":12345.0,"gib_per_second":6.78,"percent":null,
        "by_device":true}]}]}"#,
    );
    let line = format!("{QUICK} --budget 0 -o out --study study --bench bench.json");
    assert_eq!(sandbox.run(&line).code, PARTLY);
    let found = evaluation(&sandbox, "out");
    assert_eq!(found["schemes"][0]["accuracy"][0]["auc_mean"], 0.912);
    assert_eq!(found["schemes"][0]["speed"][0]["images_per_second"], 12345.0);
    assert_eq!(found["provenance"]["study_others"], serde_json::json!(["le"]));
    let page = page(&sandbox, "out");
    for words in ["0.912 ± 0.004", "-0.021", "12345", "GPU &lt;x&gt;", "not in this report: le", "imgveil 9"] {
        assert!(page.contains(words), "{words}");
    }
    // Accuracy against leak is drawn where the attacks are done.
    assert!(!sandbox.path("out/frontier.svg").exists());
    #[cfg(feature = "train")]
    {
        assert_eq!(sandbox.run(&format!("{QUICK} -o out --study study --bench bench.json")).code, 0);
        let chart = String::from_utf8(sandbox.read("out/frontier.svg")).unwrap();
        assert_eq!(chart.matches("<circle ").count(), 2);
        assert!(chart.contains(">\nnp\n<") && self::page(&sandbox, "out").contains("data:image/svg+xml;base64,"));
    }
}

#[test]
fn schemes_may_have_options_behind_their_names() {
    let sandbox = Sandbox::new();
    let run = |words: &[&str]| {
        let output = sandbox.command("", "attack key-space").args(words).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr))
    };
    let (code, out) = run(&["-s", "dp-pix block=8 epsilon=1"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("laplace-noise block=8x8 epsilon=1 m=16"), "{out}");
    assert!(run(&["-s", "blur radius=9"]).1.contains("gaussian-blur radius=9"));
    let words = "error: the options of `le block=8` follow its name: write all of them there, and leave --block out\n";
    assert_eq!(run(&["-s", "le block=8", "--block", "4"]), (Some(USAGE), words.to_owned()));
    let words = "error: option `epsilon`: ";
    assert!(run(&["-s", "dp-pix epsilon=none"]).1.starts_with(words));
}

#[test]
fn misuse_is_refused_before_anything_is_written() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let refuses = |line: &str, words: &'static str| {
        sandbox.refuses_like(&format!("evaluate --device cpu {line}"), USAGE, move |error| error.contains(words));
    };
    refuses("--data in --schemes rot13", "there is no scheme `rot13`");
    refuses("--data in --schemes le,,ele", "a scheme has no name: write them with commas between them");
    refuses("--data in --schemes le,nowhere.toml", "there is no scheme file nowhere.toml");
    refuses("--data nowhere", "there is no nowhere");
    refuses("--data in --budget soon", "write a time such as 90s, 10m or 2h");
    refuses("--data in --limit 1", "invalid value '1'");
    refuses("--data in --study nowhere", "check --study");
    refuses("--data in --bench nowhere.json", "cannot read nowhere.json");
    refuses("--data in --resize 28 --schemes etc", "use --pad");
    refuses("--data in --patient-pattern [", "invalid value");
    refuses("--data in -o in", "in is not empty and holds no evaluation: choose another folder with -o");
    refuses("--data in --patients nowhere.csv", "columns name and patient");
    refuses("--data in --patient-pattern x([0-9]+)", "no image's name tells a patient");
    sandbox.write("bench.json", b"{}");
    sandbox.refuses_like("evaluate --data in --bench bench.json --device cpu", DATASET, |error| {
        error.contains("no figures that `imgveil bench --json` printed")
    });
}

/// With `--learn` a network is trained against every scheme, mixtures included. What it learned from pairs is held
/// against those who have pairs, and what it learned without against everybody. The command beside a figure gives it.
#[cfg(feature = "train")]
#[test]
fn networks_are_trained_where_they_are_asked_for() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let line = "evaluate --data in --schemes np,instahide --learn 1 --budget 1h --device cpu -o out";
    let done = sandbox.run(line);
    assert_eq!(done.code, 0, "{}", done.err);
    let found = evaluation(&sandbox, "out");
    let learned = |scheme: usize| {
        let attacks = found["schemes"][scheme]["attacks"].as_array().unwrap();
        attacks.iter().find(|attack| attack["attack"] == "learned").unwrap()["figures"].clone()
    };
    for (scheme, own_keys) in [(0, false), (1, true), (2, false), (3, true)] {
        let figures = learned(scheme);
        assert_eq!(figures["own_keys"].as_bool(), Some(own_keys), "{figures}");
        assert_eq!((&figures["epochs"], &figures["attacked_images"]), (&Value::from(1), &Value::from(12)));
        assert!(figures["ssim"]["best"].as_f64().unwrap().is_finite());
    }
    // What does not fit mixtures is still not determined, and says what was found so far.
    assert_eq!(lights(&found, "instahide")[0], "undetermined");
    let page = page(&sandbox, "out");
    assert!(page.contains("A network is trained to undo the encryption"));
    let begin = "imgveil attack learned -s instahide ";
    let code = page.split("<code>").find(|code| code.starts_with(begin)).unwrap().split('<').next().unwrap();
    let again = sandbox.run(&format!("{} --device cpu --json", code.strip_prefix("imgveil ").unwrap()));
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(again["ssim"], learned(1)["ssim"]);
    // Nothing is trained anew, and another number of epochs is another report.
    let rested = sandbox.run(line);
    assert_eq!((rested.code, rested.err.contains("32 of 32")), (0, true));
    sandbox.refuses_like(&line.replace("--learn 1", "--learn 2"), USAGE, |words| {
        words.contains("--learn 1") && words.contains("--learn 2")
    });
    sandbox.refuses_like("evaluate --data in --public in -o other", USAGE, |words| words.contains("--learn"));
}

/// Schemes that do not fit are left out where nobody asked for them, and mixtures are explained.
#[test]
fn what_does_not_apply_is_said() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let done = sandbox.run("evaluate --data in --resize 20 --schemes instahide,np --budget 1h --device cpu -o out");
    assert_eq!(done.code, 0, "{}", done.err);
    let found = evaluation(&sandbox, "out");
    assert_eq!(
        lights(&found, "instahide"),
        ["undetermined", "undetermined", "undetermined", "not-applicable", "by-design"]
    );
    let reason = found["schemes"][0]["attacks"][1]["reason"].as_str().unwrap();
    assert!(reason.contains("absolute values undo its sign flips") && reason.contains("attack learned"), "{reason}");
    // Nobody asked for those of the usual schemes whose blocks do not tile these images.
    let done = sandbox.run("evaluate --data in --resize 20 --budget 1h --device cpu -o usual");
    assert_eq!(done.code, 0, "{}", done.err);
    let found = evaluation(&sandbox, "usual");
    assert_eq!(lights(&found, "etc")[..4], ["not-applicable"; 4]);
    assert_eq!(lights(&found, "le")[..4], ["open"; 4]);
}
