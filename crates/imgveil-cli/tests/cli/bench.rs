//! `imgveil bench`.

use crate::common;
use crate::common::sandbox::*;
use imgveil::internal::image::Geometry;
use serde_json::Value;

/// Names of the rows of a report with one device. The figures of each row must be consistent.
fn bench_rows(report: &Value) -> Vec<String> {
    let rows = report["devices"][0]["rows"].as_array().unwrap();
    for row in rows {
        let number = |field: &str| row[field].as_f64().unwrap();
        // Bytes read and written for one output image. A mixture reads four images for one.
        let geometry: Geometry = row["geometry"].as_str().unwrap().parse().unwrap();
        let (samples, bytes) = (geometry.samples() as f64, geometry.bytes() as f64);
        let read = if row["scheme"] == "instahide" { 4.0 * bytes } else { bytes };
        let written = if row["way"] == "bytes to floats" { 4.0 * samples } else { bytes };
        let gib = number("images_per_second") * (read + written) / f64::from(1 << 30);
        assert!(gib > 0.0 && (number("gib_per_second") / gib - 1.0).abs() < 1e-9, "{row}");
    }
    rows.iter().map(|row| format!("{} {} {}", row["scheme"], row["geometry"], row["way"]).replace('"', "")).collect()
}

/// Runs a bench and returns its report.
fn benched(sandbox: &Sandbox, line: &str) -> (Vec<u8>, Value) {
    // Not `run`, which puts placeholders into the text.
    let done = sandbox.command("", line).output().unwrap();
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
    let report = serde_json::from_slice(&done.stdout).unwrap();
    (done.stdout, report)
}

#[test]
fn a_bench_prints_figures_and_compares_them() {
    let sandbox = Sandbox::new();
    sandbox.write("disk/keep", b"");
    let line = "bench --device cpu --scheme le --scheme etc --scheme instahide --size 8x8x3 --size 12x12x1x16 --batch \
    1 --seconds 0 --disk disk";
    let (text, report) = benched(&sandbox, &format!("{line} --json"));
    sandbox.write("before.json", &text);
    let of_cpu = &report["devices"][0];
    assert!(
        of_cpu["ceilings"].as_array().unwrap().iter().all(|ceiling| ceiling["gib_per_second"].as_f64().unwrap() > 0.0)
    );
    let names = bench_rows(&report);
    let mut expected = Vec::new();
    for size in ["8x8x3", "12x12x1x16"] {
        for scheme in ["none", "le", "etc", "instahide"] {
            // Mixtures are floats, of 8-bit images.
            let ways: &[&str] = match (scheme, size) {
                ("instahide", "8x8x3") => &["bytes to floats"],
                ("instahide", _) => &[],
                _ => &["bytes to bytes", "bytes to floats", "from disk to disk"],
            };
            expected.extend(ways.iter().map(|way| format!("{scheme} {size} {way}")));
        }
    }
    assert_eq!(names, expected);
    // Nothing stays on the disk.
    assert_eq!(sandbox.files("disk"), ["keep"]);
    assert_eq!(of_cpu["left_out"].as_array().unwrap().len(), 1);
    let compared = sandbox.run(&format!("{line} --compare before.json"));
    assert_eq!(compared.code, 0, "{}", compared.err);
    assert_eq!(compared.out.matches(" times as before").count(), names.len(), "{}", compared.out);
    assert!(compared.out.contains("  left out: instahide on 12x12x1x16: "), "{}", compared.out);
    // What bounds each row.
    let bounds = compared.out.split_once("bytes/image").unwrap().1;
    assert_eq!(
        bounds
            .lines()
            .filter(|line| line.contains(" the kernel") || line.contains(" memory") || line.contains(" the job"))
            .count(),
        names.len(),
        "{}",
        compared.out
    );
    sandbox.refuses("bench --compare no.json", USAGE, "cannot read no.json: No such file or directory (os error 2)");
    sandbox.write("no.json", b"{}");
    sandbox.refuses_like("bench --compare no.json", DATASET, |words| {
        words.contains("holds no figures that `imgveil bench --json`")
    });
    sandbox.refuses_like("bench --device cpu --scheme lee", USAGE, |words| words.contains("`lee`"));
    sandbox.refuses_like(
        "bench --device cpu --scheme le --size 8x8x3 --batch 1 --seconds 0 --disk nowhere",
        1,
        |words| words.contains("cannot measure in nowhere: ") && words.contains("--no-disk leaves the disk out"),
    );
}

#[test]
fn a_bench_of_an_adapter_has_its_limits_and_the_way_there_and_back() {
    if std::env::var("IMGVEIL_SKIP_GPU").is_ok_and(|v| v == "1") {
        common::say_skipped("a_bench_of_an_adapter_has_its_limits_and_the_way_there_and_back: IMGVEIL_SKIP_GPU=1");
        return;
    }
    let sandbox = Sandbox::new();
    let device = std::env::var("IMGVEIL_TEST_DEVICE").unwrap_or("gpu".into());
    // Tiled kernels, simple kernels, a scheme of several steps, a mixture.
    let line = format!(
        "bench --device {device} --scheme ele --scheme skk-filter --scheme instahide --size 16x16x3 --size 10x10x1 \
        --batch 1 --seconds 0 --no-disk"
    );
    let (text, report) = benched(&sandbox, &format!("{line} --json"));
    sandbox.write("before.json", &text);
    let of_gpu = &report["devices"][0];
    let ceilings: Vec<&str> =
        of_gpu["ceilings"].as_array().unwrap().iter().map(|ceiling| ceiling["name"].as_str().unwrap()).collect();
    let limits = [
        "host copy, 1 thread",
        "host copy, all threads",
        "device copy, by the driver",
        "device copy, in 16-byte vectors",
        "device copy, in 4-byte words",
        "upload",
        "readback",
        "a dispatch",
    ];
    assert_eq!(ceilings, limits);
    let mut expected = Vec::new();
    for size in ["16x16x3", "10x10x1"] {
        for scheme in ["none", "ele", "skk-filter", "instahide"] {
            let ways: &[&str] = match scheme {
                "instahide" => &["bytes to floats"],
                // 10 is not a multiple of 4.
                "ele" if size == "10x10x1" => &[],
                _ => &["bytes to bytes", "from memory to memory", "bytes to floats"],
            };
            expected.extend(ways.iter().map(|way| format!("{scheme} {size} {way}")));
        }
    }
    assert_eq!(bench_rows(&report), expected);
    let compared = sandbox.run(&format!("{line} --compare before.json"));
    assert_eq!(
        (compared.code, compared.out.matches(" times as before").count()),
        (0, expected.len()),
        "{}",
        compared.out
    );
}

/// Figures of this machine now, which must be neither a ten-thousandth nor ten thousand times of those a moment before.
#[test]
fn a_bench_fails_if_it_is_slower_than_before_and_compares_only_what_can_be_compared() {
    let sandbox = Sandbox::new();
    let line = "bench --device cpu --scheme none --size 8x8x3 --batch 1 --seconds 0 --no-disk";
    let (text, report) = benched(&sandbox, &format!("{line} --json"));
    sandbox.write("before.json", &text);
    let rows = bench_rows(&report).len();
    let within = sandbox.run(&format!("{line} --compare before.json --fail-under 0.0001"));
    assert_eq!((within.code, within.err.as_str()), (0, ""), "{}", within.out);
    let slower = sandbox.run(&format!("{line} --compare before.json --fail-under 10000"));
    assert_eq!((slower.code, slower.err.matches("slower: none on 8x8x3, ").count()), (1, rows), "{}", slower.err);
    let other =
        sandbox.run(&format!("{} --compare before.json --fail-under 0.0001", line.replace("--batch 1", "--batch 2")));
    assert_eq!(other.code, 1, "{}", other.out);
    assert!(
        other.err.contains("of batches of 1 MiB; use --batch 1") && other.err.contains("could be compared"),
        "{}",
        other.err
    );
    assert_eq!(other.out.matches(" times as before").count(), 0, "{}", other.out);
    let mut foreign = report.clone();
    foreign["devices"][0]["device"] = "another card".into();
    sandbox.write("foreign.json", foreign.to_string().as_bytes());
    let foreign = sandbox.run(&format!("{line} --compare foreign.json"));
    assert_eq!(foreign.code, 0, "{}", foreign.err);
    assert_eq!(foreign.err, "warning: nothing was compared: the earlier figures are of other devices\n");
    sandbox.refuses_like("bench --fail-under 0.9", USAGE, |words| words.contains("--compare"));
    sandbox.refuses_like("bench --compare before.json --fail-under 0", USAGE, |words| words.contains("not above 0"));
}

#[test]
fn a_report_names_the_machine_and_the_day() {
    let sandbox = Sandbox::new();
    let (_, report) =
        benched(&sandbox, "bench --device cpu --scheme none --size 8x8x1 --batch 1 --seconds 0 --no-disk --json");
    let date = report["date"].as_str().unwrap();
    assert!(date.len() == 20 && date.ends_with('Z') && date.as_bytes()[10] == b'T', "{date}");
    assert!(report["system"].as_str().unwrap().contains(" thread"), "{report}");
    assert_eq!(report["devices"][0]["batch_mib"], 1);
}

#[test]
fn figures_as_csv_have_a_line_a_row() {
    let sandbox = Sandbox::new();
    let line = "bench --device cpu --scheme le --size 8x8x3 --batch 1 --seconds 0 --no-disk --csv";
    let done = sandbox.command("", line).output().unwrap();
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
    let mut reader = csv::Reader::from_reader(&done.stdout[..]);
    let columns = reader.headers().unwrap().clone();
    assert_eq!(columns.iter().take(4).collect::<Vec<_>>(), ["device", "scheme", "geometry", "way"]);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    let names: Vec<(&str, &str, &str)> = rows.iter().map(|row| (&row[1], &row[2], &row[3])).collect();
    let way = ["bytes to bytes", "bytes to floats"];
    assert_eq!(
        names,
        [("none", "8x8x3", way[0]), ("none", "8x8x3", way[1]), ("le", "8x8x3", way[0]), ("le", "8x8x3", way[1])]
    );
    assert!(rows.iter().all(|row| row[5].parse::<f64>().unwrap() > 0.0));
}

#[test]
fn what_would_be_measured_is_described() {
    let sandbox = Sandbox::new();
    let done = sandbox.run("bench --device cpu --scheme le --scheme etc --size 16x16x3 --seconds 30 --describe");
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    // none, le and etc; three ways; twice 30 s for a figure; two copies.
    assert!(done.out.contains("schemes: none, le, etc\n") && done.out.contains(" then 9 figures: "), "{}", done.out);
    assert!(done.out.contains("; in all about 10 min, "), "{}", done.out);
}
