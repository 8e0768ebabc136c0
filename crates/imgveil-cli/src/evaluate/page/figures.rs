//! The figures of an attack as a small table.

use super::markup::{Markup, of};
use super::parts::head;
use crate::attack::{Appearance, Change, Learned, Reidentified, Spread};
use crate::evaluate::cell::Figures;
use crate::output::counted;

/// The table of an attack.
pub fn table(figures: &Figures) -> Markup {
    match figures {
        Figures::Appearance(figures) => appearance(figures),
        Figures::KeySpace(figures) => {
            let keys = |name: &str, keys: &crate::attack::Keys| {
                vec![name.to_owned(), format!("{:.1}", keys.bits), keys.time()]
            };
            let mut rows = vec![keys("keys that do different things", &figures.key)];
            rows.extend(figures.tables.as_ref().map(|tables| keys("written-out tables", tables)));
            lines(&["", "bits", "half of them"], rows)
        }
        Figures::Chosen(figures) => lines(
            &["the attacker", "images", "exact", "SSIM"],
            figures.ways.iter().map(|way| {
                let found = if way.opened { way.exact.to_string() } else { "no table".to_owned() };
                vec![way.attacker.clone(), way.images_chosen.to_string(), found, number(way.ssim)]
            }),
        ),
        Figures::Known(figures) => lines(
            &["pairs", "positions determined", "samples right", "SSIM of others"],
            figures.steps.iter().map(|step| {
                let [determined, right] = [step.determined, step.right].map(percent);
                vec![step.pairs.to_string(), determined, right, number(Some(step.ssim))]
            }),
        ),
        Figures::Reidentify(figures) => reidentified(figures),
        Figures::Learned(figures) => learned(figures),
        Figures::Labels(figures) => lines(
            &["class", "images", "AUC encrypted", "AUC plain"],
            figures.classes.iter().map(|class| {
                let images = class.images.to_string();
                vec![class.class.clone(), images, number(Some(class.auc_encrypted)), number(class.auc_plain)]
            }),
        ),
        Figures::Ciphertext(figures) => lines(
            &["encrypted images", "SSIM of what comes back", "exact"],
            figures
                .steps
                .iter()
                .map(|step| vec![step.images.to_string(), number(Some(step.ssim)), step.exact.to_string()]),
        ),
    }
}

fn reidentified(figures: &Reidentified) -> Markup {
    let found = |name: &str, found: &crate::attack::Found| {
        vec![name.to_owned(), percent(found.rank_1), percent(found.rank_5), format!("{:.1}", found.mean_rank)]
    };
    let rows = vec![
        found("the image itself", &figures.same_pixels),
        found("another export", &figures.another_export),
        vec!["guessing".to_owned(), percent(figures.chance), String::new(), String::new()],
    ];
    let table = lines(&["found with", "rank 1", "rank 5", "mean rank"], rows);
    let patients = figures.same_patient.as_ref().map(|found| {
        let within =
            found.auc_within_label.map_or(String::new(), |area| format!("; among images of one label {area:.3}"));
        let words = format!("Two encrypted images of one patient are told with an AUC of {:.3}{within}.", found.auc);
        of("p", "note", &[Markup::text(&words)])
    });
    Markup::all(std::iter::once(table).chain(patients))
}

fn learned(figures: &Learned) -> Markup {
    let row = |name: &str, ssim: &Spread, psnr: &Spread| {
        let [worst, median, best] = [ssim.worst, ssim.median, ssim.best].map(|value| number(Some(value)));
        vec![name.to_owned(), worst, median, best, format!("{:.1}", psnr.median)]
    };
    let rows = vec![
        row("what comes back", &figures.ssim, &figures.psnr),
        row("the mean image", &figures.mean_image_ssim, &figures.mean_image_psnr),
    ];
    let made = format!(
        "{} over {} of the attacker's; {} attacked.",
        counted(figures.epochs, "epoch"),
        counted(figures.public_images, "image"),
        counted(figures.attacked_images, "image")
    );
    let table = lines(&["SSIM", "worst", "median", "best", "median PSNR, dB"], rows);
    Markup::all([table, of("p", "note", &[Markup::text(&made)])])
}

fn appearance(figures: &Appearance) -> Markup {
    let adjacent = |of: &crate::attack::Of| of.adjacent.map(number).join(", ");
    let two = |name: &str, plain: String, encrypted: String| vec![name.to_owned(), plain, encrypted];
    let one = |name: &str, value: String| vec![name.to_owned(), String::new(), value];
    let mut rows = vec![
        one("SSIM", number(Some(figures.ssim))),
        one("PSNR, dB", figures.psnr.map_or("∞".to_owned(), |psnr| format!("{psnr:.1}"))),
    ];
    rows.extend(figures.ms_ssim.map(|value| one("MS-SSIM", number(Some(value)))));
    rows.extend(figures.outlines.map(|value| one("outlines", number(Some(value)))));
    rows.push(one("edges in place", percent(figures.edge_overlap)));
    rows.push(one("mutual information, bits", format!("{:.2}", figures.mutual_information)));
    rows.push(two("correlation of neighbours, → ↓ ↘", adjacent(&figures.plain), adjacent(&figures.encrypted)));
    let [plain, encrypted] = [&figures.plain, &figures.encrypted];
    rows.push(two("entropy, bits", format!("{:.2}", plain.entropy), format!("{:.2}", encrypted.entropy)));
    rows.push(two("chi-square", format!("{:.0}", plain.chi_square), format!("{:.0}", encrypted.chi_square)));
    let change = |name: &str, change: &Option<Change>| {
        let words = change.as_ref().map(|change| format!("{}, {}", percent(change.npcr), percent(change.uaci)));
        words.map(|words| one(name, words))
    };
    rows.extend(change("NPCR, UACI: one bit of the key", &figures.key_bit));
    rows.extend(change("NPCR, UACI: one step of a sample", &figures.plain_sample));
    lines(&["", "plain", "encrypted"], rows)
}

fn number(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or("–".to_owned(), |value| format!("{value:.3}"))
}

/// A share in percent, with as many digits as tell it from nothing.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 0.05 { format!("{percent:.3} %") } else { format!("{percent:.1} %") }
}

fn lines(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Markup {
    let row = |cells: Vec<String>| {
        let cells: Vec<Markup> = cells.iter().map(|text| Markup::element("td", &[], &[Markup::text(text)])).collect();
        Markup::element("tr", &[], &cells)
    };
    let body = Markup::element("tbody", &[], &[Markup::all(rows.into_iter().map(row))]);
    of("table", "figures", &[head(headings), body])
}
