//! The anatomy and the exposure of one phantom.

use super::PhantomClass;
use super::drawing::{Draws, Noise, edge, ellipse, hill, rise};

/// A vessel's shadow: a straight streak that becomes thinner from the hilum outwards.
struct Vessel {
    start: (f64, f64),
    along: (f64, f64),
    length2: f64,
    strength: f64,
}

impl Vessel {
    fn draw(draws: &mut Draws, side: f64) -> Self {
        let start = (side * 0.085, draws.between(-0.06, 0.08));
        let along = (side * draws.between(0.06, 0.20), draws.between(-0.20, 0.24));
        Self { start, along, length2: along.0 * along.0 + along.1 * along.1, strength: draws.between(0.03, 0.09) }
    }

    fn shadow(&self, x: f64, y: f64, pixel: f64) -> f64 {
        let (dx, dy) = (x - self.start.0, y - self.start.1);
        let t = ((dx * self.along.0 + dy * self.along.1) / self.length2).clamp(0.0, 1.0);
        let (ex, ey) = (dx - t * self.along.0, dy - t * self.along.1);
        let width = (0.020 - 0.012 * t).max(0.7 * pixel);
        self.strength * (1.0 - t) * hill((ex * ex + ey * ey) / (width * width))
    }
}

/// A consolidation: a soft patch with an uneven rim.
pub(super) struct Patch {
    centre: (f64, f64),
    radius: (f64, f64),
    /// The share of the air that is replaced at the centre.
    filling: f64,
}

/// Everything about an image except its pixels. In body coordinates, (0, 0) is the middle of the thorax, x grows to the
/// right of the image, y downwards, and 1 is the side of an average image.
pub(super) struct Scene {
    // The position of the body in the image.
    shift: (f64, f64),
    cosine: f64,
    sine: f64,
    scale: f64,
    // Anatomy.
    lung_width: f64,
    lung_height: f64,
    /// Height of the top of each half of the diaphragm: left and right in the image.
    diaphragm: [f64; 2],
    lung_air: f64,
    heart: (f64, f64, f64, f64),
    heart_strength: f64,
    rib_start: f64,
    rib_pitch: f64,
    rib_slope: f64,
    rib_strength: f64,
    clavicle_height: f64,
    clavicle_slope: f64,
    vessels: Vec<Vessel>,
    gas: (f64, f64, f64),
    coarse: Noise<5>,
    fine: Noise<14>,
    texture: f64,
    pub(super) patches: Vec<Patch>,
    // Exposure.
    gain: f64,
    offset: f64,
    curve: f64,
    pub(super) grain: f64,
}

impl Scene {
    pub(super) fn draw(draws: &mut Draws, class: PhantomClass) -> Self {
        let sine = draws.between(-0.04, 0.04);
        let mut scene = Self {
            shift: (draws.between(-0.03, 0.03), draws.between(-0.03, 0.03)),
            cosine: (1.0 - sine * sine).sqrt(),
            sine,
            scale: draws.between(1.0, 1.16),
            lung_width: draws.between(0.158, 0.188),
            lung_height: draws.between(0.37, 0.42),
            diaphragm: [draws.between(0.22, 0.28), draws.between(0.25, 0.31)],
            lung_air: draws.between(0.34, 0.42),
            heart: (
                draws.between(0.035, 0.065),
                draws.between(0.14, 0.18),
                draws.between(0.165, 0.225),
                draws.between(0.170, 0.205),
            ),
            heart_strength: draws.between(0.10, 0.17),
            rib_start: draws.between(-0.40, -0.36),
            rib_pitch: draws.between(0.074, 0.086),
            rib_slope: draws.between(0.10, 0.26),
            rib_strength: draws.between(0.04, 0.08),
            clavicle_height: draws.between(-0.31, -0.26),
            clavicle_slope: draws.between(0.10, 0.28),
            vessels: Vec::new(),
            gas: (draws.between(0.14, 0.24), draws.between(0.37, 0.42), draws.between(0.0, 0.16)),
            coarse: Noise::draw(draws),
            fine: Noise::draw(draws),
            texture: draws.between(0.02, 0.05),
            patches: Vec::new(),
            gain: draws.between(0.85, 1.10),
            offset: draws.between(-0.06, 0.06),
            curve: draws.between(-0.3, 0.3),
            grain: draws.between(0.006, 0.018),
        };
        for side in [-1.0, 1.0] {
            for _ in 0..5 {
                scene.vessels.push(Vessel::draw(draws, side));
            }
        }
        if class == PhantomClass::Opacity {
            let patches = if draws.unit() < 0.5 { 2 } else { 1 };
            for _ in 0..patches {
                let patch = scene.draw_patch(draws);
                scene.patches.push(patch);
            }
        }
        scene
    }

    /// A patch whose centre is well inside a lung field.
    fn draw_patch(&self, draws: &mut Draws) -> Patch {
        let side = if draws.unit() < 0.5 { -1.0 } else { 1.0 };
        // In the middle of the lung in every scene. It is the centre if no drawn place is inside a lung.
        let mut centre = (side * 0.22, -0.02);
        for _ in 0..16 {
            let place = (side * draws.between(0.08, 0.36), draws.between(-0.32, 0.30));
            if self.lung(place.0, place.1) * (1.0 - self.heart(place.0, place.1)) > 0.9 {
                centre = place;
                break;
            }
        }
        Patch {
            centre,
            radius: (draws.between(0.12, 0.20), draws.between(0.12, 0.20)),
            filling: draws.between(0.60, 1.0),
        }
    }

    /// The share of the path through the body at (x, y) that is lung, 0 to 1, without the heart and great vessels.
    fn lung(&self, x: f64, y: f64) -> f64 {
        let side = if x < 0.0 { 0 } else { 1 };
        let across = x.abs();
        let q = y / self.lung_height;
        // Narrow at the apex, widest above the diaphragm.
        let width = self.lung_width * (1.0 + 0.16 * q);
        let dx = (across - 0.215) / width;
        let dy = (y - 0.03) / self.lung_height;
        // A fourth power of the height makes the sides steeper than an ellipse's.
        let dy2 = dy * dy;
        let inside = 1.0 - dx * dx - 0.35 * dy2 - 0.65 * dy2 * dy2;
        // The diaphragm's dome, lowest at the outer (costophrenic) angle.
        let bend = across - 0.19;
        let dome = self.diaphragm[side] + 2.4 * bend * bend;
        rise(inside / 0.55) * edge(dome - y, 0.018)
    }

    /// The silhouette of the heart and the great vessels, 0 to 1.
    fn heart(&self, x: f64, y: f64) -> f64 {
        let (cx, cy, rx, ry) = self.heart;
        // The heart leans: its apex points down and to the right of the image.
        let lean = x - 0.30 * (y - cy);
        let heart = rise(2.2 * ellipse(lean, y, cx, cy, rx, ry));
        let aorta = rise(1.6 * ellipse(x, y, 0.035, -0.13, 0.080, 0.10));
        let trunk = rise(1.6 * ellipse(x, y, 0.005, -0.02, 0.100, 0.42));
        // Joined smoothly, like the shadows of organs that touch.
        1.0 - (1.0 - heart) * (1.0 - 0.8 * aorta) * (1.0 - 0.9 * trunk)
    }

    /// Ribs: two families of faint arcs at equal spacing. The posterior arcs become steeper outwards.
    fn ribs(&self, x: f64, y: f64, pixel: f64) -> f64 {
        let across = x.abs();
        let cage = edge(0.385 - across, 0.03) * edge(across - 0.045, 0.03) * edge(0.36 - y, 0.08);
        if cage == 0.0 {
            return 0.0;
        }
        let bend = across - 0.13;
        let posterior = y - self.rib_slope * across - 1.3 * bend * bend;
        let anterior = y + 0.45 * across - 0.9 * across * across;
        let half_width = (0.15 * self.rib_pitch).max(0.5 * pixel);
        // At low resolution, a widened rib is made fainter, as if it were averaged over the pixel.
        let thin = 0.15 * self.rib_pitch / half_width;
        let arc = |height: f64, pitch: f64| {
            let turns = (height - self.rib_start) / pitch;
            if turns < -0.5 {
                return 0.0;
            }
            let distance = (turns - (turns + 0.5).floor()) * pitch;
            hill(distance * distance / (4.0 * half_width * half_width))
        };
        let front = arc(anterior, 1.25 * self.rib_pitch) * edge(across - 0.15, 0.08);
        cage * thin * self.rib_strength * (arc(posterior, self.rib_pitch) + 0.45 * front)
    }

    /// The two collar bones, from beside the spine up to the shoulders.
    fn clavicles(&self, x: f64, y: f64, pixel: f64) -> f64 {
        let across = x.abs();
        let ends = edge(across - 0.045, 0.02) * edge(0.36 - across, 0.03);
        if ends == 0.0 {
            return 0.0;
        }
        let t = (across - 0.04) / 0.32;
        let middle = self.clavicle_height - 0.32 * self.clavicle_slope * t * (1.6 - 0.8 * t);
        let half_width = 0.021_f64.max(0.9 * pixel);
        let distance = (y - middle) / half_width;
        0.10 * ends * hill(distance * distance)
    }

    /// The body's outline, 0 to 1: neck, shoulders, and sides that narrow below the armpits.
    fn body(&self, x: f64, y: f64) -> f64 {
        let across = x.abs();
        let out = (across - 0.10).max(0.0);
        let shoulder = edge(y + 0.425 - 0.9 * out * out - 0.14 * out, 0.025);
        // The neck widens into the shoulders.
        let flare = rise((y + 0.56) / 0.16);
        let neck = edge(0.105 + 0.06 * flare * flare - across, 0.025);
        let half_width = 0.455 + 0.12 * rise((-0.14 - y) / 0.16) + 0.02 * rise((y - 0.15) / 0.3);
        shoulder.max(neck) * edge(half_width - across, 0.02)
    }

    /// The grey value at (u, v) of the unit square, before the grain; nominally 0 (air) to 1 (bone).
    pub(super) fn grey(&self, u: f64, v: f64, pixel: f64) -> f64 {
        let (du, dv) = (u - 0.5 - self.shift.0, v - 0.5 - self.shift.1);
        let x = (du * self.cosine + dv * self.sine) / self.scale;
        let y = (dv * self.cosine - du * self.sine) / self.scale;
        let across2 = x * x;

        let body = self.body(x, y);
        let lung = self.lung(x, y);
        let heart = self.heart(x, y);
        let air = lung * (1.0 - 0.92 * heart);
        let coarse = self.coarse.at(u, v);
        let fine = self.fine.at(u, v);

        // Soft tissue: thick in the middle, thin at the sides and shoulders, thick again below the diaphragm.
        let mut tissue = 0.60 - 0.75 * across2 + 0.10 * rise((y - 0.18) / 0.2) - 0.10 * rise((-0.2 - y) / 0.3);
        tissue += 0.035 * coarse;
        tissue -= self.gas.2 * ellipse(x, y, self.gas.0, self.gas.1, 0.10, 0.06);

        // Bone and the organs between the lungs.
        let spine = ellipse(x, 0.0, 0.0, 0.0, 0.060, 1.0);
        let turns = y / 0.062;
        let disc = turns - (turns + 0.5).floor();
        tissue += spine * (0.10 - 0.03 * hill(16.0 * disc * disc));
        // The heart makes the body denser above the diaphragm. Below it, the liver hides the heart's outline.
        let (cx, cy, rx, ry) = self.heart;
        let thick = 0.7 * ellipse(x - 0.30 * (y - cy), y, cx, cy, 1.15 * rx, 1.3 * ry)
            + 0.6 * ellipse(x, y, 0.01, 0.0, 0.15, 0.55);
        tissue += self.heart_strength * thick;
        let trachea_end = edge(-0.13 - y, 0.05);
        tissue -= 0.13 * trachea_end * ellipse(x, 0.0, 0.006, 0.0, 0.030_f64.max(pixel), 1.0);
        // Shoulder blades: the faint outer rim of the upper lungs.
        let blade = x.abs() - 0.37 + 0.25 * (y + 0.20);
        tissue += 0.05 * edge(-0.02 - y, 0.06) * edge(y + 0.34, 0.06) * hill(blade * blade / 0.0036);

        // A patch is lung filled with fluid, so there is less air in it. Patches that overlap fill what the other left,
        // so that no patch becomes denser than soft tissue.
        let mut aerated = 1.0;
        for patch in &self.patches {
            let (dx, dy) = ((x - patch.centre.0) / patch.radius.0, (y - patch.centre.1) / patch.radius.1);
            let uneven = (dx * dx + dy * dy) * (1.0 + 0.35 * fine + 0.25 * coarse);
            aerated *= 1.0 - patch.filling * rise(1.15 * hill(uneven));
        }
        // The lungs reduce the density, because air hardly absorbs X-rays.
        let mut inside = -self.lung_air * aerated * (1.0 - 0.25 * y) + self.texture * (fine + 0.6 * coarse);
        for vessel in &self.vessels {
            inside += vessel.shadow(x, y, pixel);
        }
        inside += 0.07 * ellipse(x.abs(), y, 0.085, 0.01, 0.07, 0.12);

        let bones = self.ribs(x, y, pixel) + self.clavicles(x, y, pixel);
        let grey = 0.05 + body * (tissue + air * inside + bones - 0.02);

        // Exposure: a tone curve that keeps black and white, then gain and offset.
        let grey = grey.clamp(0.0, 1.0);
        let toned = grey + self.curve * grey * (1.0 - grey);
        toned * self.gain + self.offset
    }
}
