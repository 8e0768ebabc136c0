//! Which sides may belong together, the most certain first.

use super::joint::{Freedom, Joint, SIDES};
use super::sides::{Gathered, Sides, misfit};
use crate::elements::Elements;
use crate::variants::ORDERS;
use crate::{Error, Progress};
use rayon::prelude::*;

/// Partners of a side that a first look keeps.
const KEPT: usize = 12;

/// Sides that are looked at together.
const STRIP: usize = 128;

/// Two pieces that may belong beside each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) joint: Joint,
    /// The misfit, relative to the second best of either side. Small is certain.
    pub(super) doubt: f32,
}

/// Sides that may meet: each of the first with each of the second.
struct Meeting<'a> {
    firsts: &'a [usize],
    seconds: &'a [usize],
    /// The vectors of the second, in the ways in which they may be read.
    gathered: Vec<(bool, Gathered)>,
}

/// The candidates of all sides, sorted by doubt.
pub(super) fn candidates(
    pieces: &Elements,
    sides: &Sides,
    freedom: Freedom,
    progress: &dyn Progress,
) -> Result<Vec<Candidate>, Error> {
    let blocks = sides.count() / SIDES;
    let of = |side: usize| -> Vec<usize> { (0..blocks).map(|piece| piece * SIDES + side).collect() };
    // Pieces that are not turned meet right to left and bottom to top.
    let meetings = if freedom.turned {
        let all: Vec<usize> = (0..sides.count()).collect();
        vec![(all.clone(), all)]
    } else {
        vec![(of(1), of(3)), (of(2), of(0)), (of(3), of(1)), (of(0), of(2))]
    };
    let reordered = freedom.reordered && sides.channels == 3;
    let mirrorings: &[bool] = if freedom.turned { &[false, true] } else { &[false] };
    let meetings: Vec<Meeting<'_>> = meetings
        .iter()
        .map(|(firsts, seconds)| {
            // Read backwards, unless one of the pieces is mirrored.
            let gather = |&mirrored: &bool| (mirrored, sides.gathered(seconds, !mirrored, reordered));
            Meeting { firsts, seconds, gathered: mirrorings.iter().map(gather).collect() }
        })
        .collect();
    let strips: Vec<(&[usize], &Meeting<'_>)> =
        meetings.iter().flat_map(|meeting| meeting.firsts.chunks(STRIP).map(move |strip| (strip, meeting))).collect();
    let mut partners: Vec<Vec<Candidate>> = vec![Vec::new(); sides.count()];
    for (done, (strip, meeting)) in strips.iter().enumerate() {
        progress.report("comparing the sides of blocks", done, strips.len());
        progress.check()?;
        for (number, found) in strip.iter().zip(partners_of(pieces, sides, freedom, strip, meeting)) {
            partners[*number] = found;
        }
    }
    let mut second_best = vec![f32::INFINITY; sides.count()];
    for (number, found) in partners.iter().enumerate() {
        let mut misfits: Vec<f32> = found.iter().map(|candidate| candidate.doubt).collect();
        misfits.sort_unstable_by(f32::total_cmp);
        second_best[number] = misfits.get(1).copied().unwrap_or(f32::INFINITY);
    }
    let mut all: Vec<Candidate> = partners.into_iter().flatten().collect();
    for candidate in &mut all {
        let first = second_best[candidate.first * SIDES + candidate.joint.first];
        let second = second_best[candidate.second * SIDES + candidate.joint.second];
        candidate.doubt /= first.min(second) + 1e-3;
    }
    all.par_sort_by(|a, b| a.doubt.total_cmp(&b.doubt));
    Ok(all)
}

/// The best partners of every side of a strip; their `doubt` is the misfit itself.
fn partners_of(
    pieces: &Elements,
    sides: &Sides,
    freedom: Freedom,
    strip: &[usize],
    meeting: &Meeting<'_>,
) -> Vec<Vec<Candidate>> {
    let reordered = freedom.reordered && sides.channels == 3;
    let seconds = meeting.seconds;
    let own = sides.gathered(strip, false, reordered);
    let products: Vec<_> =
        meeting.gathered.iter().map(|(mirrored, gathered)| (*mirrored, own.products(gathered))).collect();
    let signs: &[bool] = if freedom.negated { &[false, true] } else { &[false] };
    let orders = if reordered { ORDERS.len() } else { 1 };
    let of_side = |(row, &number): (usize, &usize)| {
        // Sorted by distance, at most KEPT.
        let mut best: Vec<(f32, usize, bool, bool, usize)> = Vec::with_capacity(KEPT + 1);
        for &(mirrored, ref products) in &products {
            for (column, &second) in seconds.iter().enumerate() {
                if second / SIDES == number / SIDES {
                    continue;
                }
                let index = row * seconds.len() + column;
                for &negative in signs {
                    let mut nearest = (f32::INFINITY, 0);
                    for order in 0..orders {
                        let distance = sides.distance(number, second, products.at(index, order), negative);
                        if distance < nearest.0 {
                            nearest = (distance, order);
                        }
                    }
                    if best.len() < KEPT || nearest.0 < best[KEPT - 1].0 {
                        let at = best.partition_point(|other| other.0 <= nearest.0);
                        best.insert(at, (nearest.0, second, mirrored, negative, nearest.1));
                        best.truncate(KEPT);
                    }
                }
            }
        }
        let exact = |(_, second, mirrored, negative, order): (f32, usize, bool, bool, usize)| {
            let joint = Joint { first: number % SIDES, second: second % SIDES, mirrored, negative, order };
            let (first, second) = (number / SIDES, second / SIDES);
            Candidate { first, second, joint, doubt: misfit(pieces, first, second, joint) }
        };
        best.into_iter().map(exact).collect()
    };
    strip.par_iter().enumerate().map(|(row, number)| of_side((row, number))).collect()
}
