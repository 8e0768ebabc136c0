//! Places of blocks in colour: arranged as pixels, or channel by channel.
//!
//! In nearly grey images the channels of a pixel are more like each other than like any neighbour, and pixels are found
//! first. In colourful ones a sample is more like the same channel at the other end of a block than like another
//! channel of its own pixel, and channels are found first. Which of both holds is decided by how even the result is.

use super::embedding::arrange_in_plane;
use crate::symmetry::Symmetry;
use crate::variants::ORDERS;

/// The channels of a pixel in colour.
const CHANNELS: usize = 3;

/// Rounds of the grouping, at most.
const ROUNDS: usize = 20;

/// The arrangement of `side` places of three channels: entry i is where place i belongs. The order of the channels is
/// left open.
pub(super) fn arrange_colour(found: &[f64], expected: &[f64], side: usize) -> Vec<usize> {
    let pixels = side / CHANNELS;
    // What is expected of one channel is expected of all.
    let of_channel = |i: usize, j: usize| expected[i * CHANNELS * side + j * CHANNELS];
    let expected: Vec<f64> = (0..pixels * pixels).map(|at| of_channel(at / pixels, at % pixels)).collect();
    let ways = [by_pixel(found, &expected, side), by_channel(found, &expected, side)];
    let of = |order: &Vec<usize>| unevenness(found, order, side);
    ways.into_iter().min_by(|a, b| of(a).total_cmp(&of(b))).expect("two ways")
}

/// Groups of three that are most alike are pixels, and are arranged as such.
fn by_pixel(found: &[f64], expected: &[f64], side: usize) -> Vec<usize> {
    let pixels = side / CHANNELS;
    let triples = triples(found, side);
    let between = |at: usize| {
        let (a, b) = (&triples[at / pixels], &triples[at % pixels]);
        if at / pixels == at % pixels {
            return 1.0;
        }
        let all = a.iter().flat_map(|&i| b.iter().map(move |&j| found[i * side + j]));
        all.sum::<f64>() / (CHANNELS * CHANNELS) as f64
    };
    let inside: Vec<f64> = (0..pixels * pixels).map(between).collect();
    let mut order = vec![0; side];
    for (triple, pixel) in triples.iter().zip(arrange_in_plane(&inside, expected, pixels)) {
        (0..CHANNELS).for_each(|channel| order[triple[channel]] = pixel * CHANNELS + channel);
    }
    unify_channels(found, &mut order, side);
    order
}

/// All places in groups of three, the most alike together.
fn triples(found: &[f64], side: usize) -> Vec<[usize; CHANNELS]> {
    let mut pairs: Vec<(usize, usize)> = (0..side).flat_map(|i| (i + 1..side).map(move |j| (i, j))).collect();
    let likeness = |&(i, j): &(usize, usize)| found[i * side + j];
    pairs.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    let mut group_of: Vec<usize> = (0..side).collect();
    let mut groups: Vec<Vec<usize>> = (0..side).map(|place| vec![place]).collect();
    for (i, j) in pairs {
        let (a, b) = (group_of[i], group_of[j]);
        if a != b && groups[a].len() + groups[b].len() <= CHANNELS {
            let moved = std::mem::take(&mut groups[b]);
            moved.iter().for_each(|&place| group_of[place] = a);
            groups[a].extend(moved);
        }
    }
    // Pairs that are left over are joined as they come.
    let (whole, rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.len() == CHANNELS);
    let all: Vec<usize> = whole.into_iter().chain(rest).flatten().collect();
    all.as_chunks::<CHANNELS>().0.to_vec()
}

/// Each channel is arranged for itself.
fn by_channel(found: &[f64], expected: &[f64], side: usize) -> Vec<usize> {
    let pixels = side / CHANNELS;
    let mut order = vec![0; side];
    let mut first: Vec<usize> = Vec::new();
    for (channel, group) in groups(found, side).into_iter().enumerate() {
        let among = |at: usize| found[group[at / pixels] * side + group[at % pixels]];
        let inside: Vec<f64> = (0..pixels * pixels).map(among).collect();
        let arranged = arrange_in_plane(&inside, expected, pixels);
        // By pixel, the place that was put there.
        let mut put = vec![0; pixels];
        arranged.iter().enumerate().for_each(|(member, &pixel)| put[pixel] = group[member]);
        let put = if first.is_empty() { put } else { turned_like(&first, &put, found, side) };
        put.iter().enumerate().for_each(|(pixel, &place)| order[place] = pixel * CHANNELS + channel);
        if first.is_empty() {
            first = put;
        }
    }
    order
}

/// Orders the three channels of every pixel as those of its neighbours, from the first pixel on.
fn unify_channels(found: &[f64], order: &mut [usize], side: usize) {
    let pixels = side / 3;
    let block = (pixels as f64).sqrt() as usize;
    // By pixel and channel: which place was put there.
    let mut put = vec![0; side];
    order.iter().enumerate().for_each(|(place, &to)| put[to] = place);
    // Several rounds, because the first pixels have few neighbours that are settled.
    for round in 0..4 {
        for pixel in 0..pixels {
            let (y, x) = (pixel / block, pixel % block);
            let near = |other: &usize| (other / block).abs_diff(y) <= 2 && (other % block).abs_diff(x) <= 2;
            let settled = (0..if round == 0 { pixel } else { pixels }).filter(|&other| other != pixel && near(&other));
            let settled: Vec<usize> = settled.collect();
            let own = [0, 1, 2].map(|c| put[3 * pixel + c]);
            let likeness = |channels: &[usize; 3]| -> f64 {
                let of =
                    |other: &usize| (0..3).map(|c| found[own[channels[c]] * side + put[3 * other + c]]).sum::<f64>();
                settled.iter().map(of).sum()
            };
            let best = ORDERS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).expect("six orders");
            (0..3).for_each(|c| put[3 * pixel + c] = own[best[c]]);
        }
    }
    put.iter().enumerate().for_each(|(to, &place)| order[place] = to);
}

/// How far an arrangement of square blocks is from one in which pairs of places that are as far from each other, in
/// the same channels, correlate equally: the sum of the squared differences from the mean of such pairs.
fn unevenness(found: &[f64], order: &[usize], side: usize) -> f64 {
    let block = ((side / CHANNELS) as f64).sqrt() as usize;
    // Count, sum and sum of squares of the pairs of one kind: rows and columns between them, and their channels.
    let mut kinds = vec![(0.0, 0.0, 0.0); block * block * CHANNELS * CHANNELS];
    for (i, &to_i) in order.iter().enumerate() {
        for (j, &to_j) in order.iter().enumerate() {
            let (a, b) = (to_i / CHANNELS, to_j / CHANNELS);
            let apart = (a / block).abs_diff(b / block) * block + (a % block).abs_diff(b % block);
            let kind = &mut kinds[(apart * CHANNELS + to_i % CHANNELS) * CHANNELS + to_j % CHANNELS];
            let value = found[i * side + j];
            *kind = (kind.0 + 1.0, kind.1 + value, kind.2 + value * value);
        }
    }
    kinds.iter().filter(|kind| kind.0 > 0.0).map(|(count, sum, squares)| squares - sum * sum / count).sum()
}

/// Three groups of equally many places, each of one channel.
///
/// A sample is more like that of the next pixel in its channel than like the other channels of its pixel. So the tree
/// that spans all places by the highest correlations goes from channel to channel by two edges only. Where no two edges
/// cut it into equal parts, groups are formed about the means of their members.
fn groups(found: &[f64], side: usize) -> [Vec<usize>; CHANNELS] {
    equal_parts(&spanning_tree(found, side), side).unwrap_or_else(|| about_means(found, side))
}

/// The edges of the spanning tree of the highest correlations, each from a place that an earlier edge reached, the
/// first from place 0 (Prim, "Shortest connection networks and some generalizations", Bell System Technical Journal
/// 36, 1957).
fn spanning_tree(found: &[f64], side: usize) -> Vec<(usize, usize)> {
    // Of each place outside of the tree, the place in the tree that it is most like.
    let mut nearest = vec![0; side];
    let mut inside = vec![false; side];
    inside[0] = true;
    let mut edges = Vec::with_capacity(side);
    loop {
        let like = |place: &usize| found[*place * side + nearest[*place]];
        let next = (0..side).filter(|&place| !inside[place]).max_by(|a, b| like(a).total_cmp(&like(b)));
        let Some(next) = next else { return edges };
        edges.push((nearest[next], next));
        inside[next] = true;
        for place in 0..side {
            if found[place * side + next] > found[place * side + nearest[place]] {
                nearest[place] = next;
            }
        }
    }
}

/// The three parts of equal size that are left when two edges are taken from a tree, if there are such.
fn equal_parts(edges: &[(usize, usize)], side: usize) -> Option<[Vec<usize>; CHANNELS]> {
    // The places beyond the end of each edge, the end included.
    let mut beyond = vec![1; side];
    edges.iter().rev().for_each(|&(from, to)| beyond[from] += beyond[to]);
    let third = side / CHANNELS;
    let candidates: Vec<usize> =
        edges.iter().map(|&(_, to)| to).filter(|&to| beyond[to] == third || beyond[to] == 2 * third).collect();
    let cut = |a: usize, b: usize| {
        let mut part = vec![0; side];
        for &(from, to) in edges {
            part[to] = if to == a {
                1
            } else if to == b {
                2
            } else {
                part[from]
            };
        }
        [0, 1, 2].map(|number| (0..side).filter(|&place| part[place] == number).collect::<Vec<usize>>())
    };
    let pairs = candidates.iter().flat_map(|&a| candidates.iter().map(move |&b| (a, b)));
    pairs.filter(|(a, b)| a < b).map(|(a, b)| cut(a, b)).find(|parts| parts.iter().all(|part| part.len() == third))
}

/// Groups about the means of their members.
fn about_means(found: &[f64], side: usize) -> [Vec<usize>; CHANNELS] {
    let row = |place: usize| &found[place * side..(place + 1) * side];
    // Places that are as unlike as can be.
    let least = |of: &dyn Fn(usize) -> f64| (0..side).min_by(|&a, &b| of(a).total_cmp(&of(b))).unwrap_or_default();
    let a = least(&|place| row(0)[place]);
    let b = least(&|place| row(a)[place]);
    let c = least(&|place| row(a)[place].max(row(b)[place]));
    let mut groups = [vec![a], vec![b], vec![c]];
    for _ in 0..ROUNDS {
        let mean = |place: usize, group: &[usize]| -> f64 {
            group.iter().map(|&member| row(place)[member]).sum::<f64>() / group.len().max(1) as f64
        };
        let means: Vec<[f64; CHANNELS]> =
            (0..side).map(|place| [0, 1, 2].map(|group| mean(place, &groups[group]))).collect();
        // Those that are surest choose first; a group that is full takes no more.
        let ranked = |place: usize| {
            let mut choice = [0, 1, 2];
            choice.sort_by(|&a, &b| means[place][b].total_cmp(&means[place][a]));
            choice
        };
        let sure = |place: usize| means[place][ranked(place)[0]] - means[place][ranked(place)[1]];
        let mut places: Vec<usize> = (0..side).collect();
        places.sort_by(|&a, &b| sure(b).total_cmp(&sure(a)));
        let mut next: [Vec<usize>; CHANNELS] = Default::default();
        for place in places {
            let group = ranked(place).into_iter().find(|&group| next[group].len() < side / CHANNELS);
            next[group.unwrap_or_default()].push(place);
        }
        next.iter_mut().for_each(|group| group.sort_unstable());
        if next == groups {
            break;
        }
        groups = next;
    }
    groups
}

/// A channel turned and mirrored so that its pixels are most like those of another.
fn turned_like(first: &[usize], other: &[usize], found: &[f64], side: usize) -> Vec<usize> {
    let block = (first.len() as f64).sqrt() as usize;
    let turned = |symmetry: Symmetry| -> Vec<usize> {
        let source = |pixel: usize| symmetry.source(pixel / block, pixel % block, block, block);
        (0..first.len()).map(source).map(|(y, x)| other[y * block + x]).collect()
    };
    let likeness = |turned: &[usize]| -> f64 { first.iter().zip(turned).map(|(&a, &b)| found[a * side + b]).sum() };
    let all = Symmetry::ALL.map(turned);
    all.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).expect("eight symmetries")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_cut_into_equal_parts() {
        let path = [(0, 3), (3, 1), (1, 4), (4, 2), (2, 5)];
        assert_eq!(equal_parts(&path, 6), Some([vec![0, 3], vec![1, 4], vec![2, 5]]));
        // Two branches from the first part.
        let branches = [(0, 3), (0, 1), (1, 4), (3, 2), (2, 5)];
        assert_eq!(equal_parts(&branches, 6), Some([vec![0, 3], vec![1, 4], vec![2, 5]]));
        let star = [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)];
        assert_eq!(equal_parts(&star, 6), None);
    }

    /// Correlations of places that fall with their distance, channels correlating by `across` at a pixel.
    fn square(block: usize, reach: f64, across: f64) -> impl Fn(usize, usize) -> f64 {
        move |i, j| {
            let place = |i: usize| ((i / 3 / block) as f64, (i / 3 % block) as f64);
            let (a, b) = (place(i), place(j));
            let inside = (-(a.0 - b.0).hypot(a.1 - b.1) / reach).exp();
            if i % 3 == j % 3 { inside } else { across * inside }
        }
    }

    /// From nearly grey images, whose pixels are found first, to colourful ones, whose channels are: places go back up
    /// to a symmetry of the square and the order of the channels, which leave all correlations as they are.
    #[test]
    fn shuffled_places_of_colour_are_put_together_again() {
        let (block, side) = (10, 300);
        let expected = square(block, 20.0, 0.9);
        let expected: Vec<f64> = (0..side * side).map(|at| expected(at / side, at % side)).collect();
        let shuffle = |i: usize| i * 37 % side;
        for (reach, across) in [(20.0, 1.0), (20.0, 0.99), (30.0, 0.93), (60.0, 0.6)] {
            let real = square(block, reach, across);
            let found: Vec<f64> = (0..side * side).map(|at| real(shuffle(at / side), shuffle(at % side))).collect();
            let order = arrange_colour(&found, &expected, side);
            let wrong =
                (0..side * side).filter(|at| (found[*at] - real(order[at / side], order[at % side])).abs() > 1e-12);
            assert_eq!(wrong.count(), 0, "reach {reach}, across {across}");
            let in_order: Vec<usize> = (0..side).collect();
            assert!(unevenness(&found, &order, side) < 1e-9 && unevenness(&found, &in_order, side) > 1.0);
        }
    }
}
