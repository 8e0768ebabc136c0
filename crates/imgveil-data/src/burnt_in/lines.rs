//! Lines of marks that stand side by side on one base.

use super::letters::Mark;
use super::region::Region;

/// The fewest letters of a line.
const FEWEST: u32 = 3;

/// The regions of lines of letters, from marks in order from left to right.
pub fn lines(marks: Vec<Mark>) -> Vec<Region> {
    let highest = marks.iter().map(|mark| mark.region.height).max().unwrap_or(0);
    let mut taken = vec![false; marks.len()];
    let mut found = Vec::new();
    for first in 0..marks.len() {
        if taken[first] {
            continue;
        }
        let mut line = vec![first];
        let mut last = marks[first].region;
        for (number, mark) in marks.iter().enumerate().skip(first + 1) {
            if f64::from(mark.region.x) > end(&last) + 1.5 * f64::from(highest) {
                break;
            }
            if !taken[number] && follows(&last, &mark.region) {
                line.push(number);
                last = mark.region;
            }
        }
        let of_line: Vec<Mark> = line.iter().map(|&number| marks[number]).collect();
        if let Some(region) = region(&of_line) {
            line.into_iter().for_each(|number| taken[number] = true);
            found.push(region);
        }
    }
    found
}

fn end(region: &Region) -> f64 {
    f64::from(region.x) + f64::from(region.width)
}

fn base(region: &Region) -> f64 {
    f64::from(region.y) + f64::from(region.height)
}

/// Whether a mark stands beside another one on the same base, at most a wide blank apart, and is about as high.
fn follows(before: &Region, mark: &Region) -> bool {
    let higher = f64::from(before.height.max(mark.height));
    let gap = f64::from(mark.x) - end(before);
    let ratio = f64::from(mark.height) / f64::from(before.height);
    gap <= 1.5 * higher
        && gap >= -0.3 * f64::from(before.width.min(mark.width))
        && (base(mark) - base(before)).abs() <= 0.25 * higher
        && (0.55..=1.8).contains(&ratio)
}

/// The region of a line, if it has enough letters. Few letters must be alike, for three marks of any shape are common
/// in bones.
fn region(line: &[Mark]) -> Option<Region> {
    let regions = || line.iter().map(|mark| mark.region);
    let letters: u32 = line.iter().map(|mark| mark.letters).sum();
    let (highest, lowest) = (regions().map(|r| r.height).max()?, regions().map(|r| r.height).min()?);
    let (top, left) = (regions().map(|r| r.y).min()?, regions().map(|r| r.x).min()?);
    let (bottom, right) = (regions().map(|r| r.y + r.height).max()?, regions().map(|r| r.x + r.width).max()?);
    let first_base = regions().map(|r| r.y + r.height).min()?;
    let uneven = f64::from(highest) > 1.25 * f64::from(lowest)
        || f64::from(bottom - first_base) > 0.15 * f64::from(highest) + 1.0;
    let whole = Region { x: left, y: top, width: right - left, height: bottom - top };
    let long = f64::from(whole.width) >= 1.8 * f64::from(highest);
    (letters >= FEWEST && long && !(letters == FEWEST && uneven)).then_some(whole)
}
