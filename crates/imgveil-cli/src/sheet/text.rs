//! Text of a sheet: Inter, antialiased (assets/fonts/NOTICE.md).

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::{Rgb, RgbImage};
use std::sync::LazyLock;

const INK: Rgb<u8> = Rgb([32, 33, 36]);
const MUTED: Rgb<u8> = Rgb([95, 99, 104]);

/// How a line of text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// Size of the font (an em) in pixels.
    pub size: f32,
    pub bold: bool,
    pub colour: Rgb<u8>,
}

pub const TITLE: Style = Style { size: 24.0, bold: true, colour: INK };
pub const LABEL: Style = Style { size: 18.0, bold: true, colour: INK };
pub const NOTE: Style = Style { size: 14.0, bold: false, colour: MUTED };

/// The regular and the bold face. The files are part of the program, and a test reads them.
static FACES: LazyLock<Option<[FontRef<'static>; 2]>> = LazyLock::new(|| {
    let regular = FontRef::try_from_slice(include_bytes!("../../assets/fonts/Inter-Regular.otf")).ok()?;
    let bold = FontRef::try_from_slice(include_bytes!("../../assets/fonts/Inter-SemiBold.otf")).ok()?;
    Some([regular, bold])
});

impl Style {
    /// Height of a line in pixels, including the space between lines.
    pub fn line_height(self) -> usize {
        (self.size * 1.4).round() as usize
    }

    /// Width of the text on one line, in pixels.
    pub fn width(self, text: &str) -> usize {
        let Some(face) = self.face() else { return 0 };
        let scale = self.scale(face);
        let face = face.as_scaled(scale);
        text.chars().map(|c| face.h_advance(face.glyph_id(known(&face, c)))).sum::<f32>().ceil() as usize
    }

    /// The text in lines of at most `width` pixels, broken between words. A longer word keeps a line of its own.
    /// Control characters and runs of spaces become one space.
    pub fn wrap(self, text: &str, width: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty()) {
            if let Some(line) = lines.last_mut() {
                let longer = format!("{line} {word}");
                if self.width(&longer) <= width {
                    *line = longer;
                    continue;
                }
            }
            lines.push(word.to_owned());
        }
        lines
    }

    /// Draws one line with its top left corner at (`x`, `y`). Parts outside of the sheet are not drawn.
    pub fn draw(self, sheet: &mut RgbImage, x: usize, y: usize, text: &str) {
        let Some(face) = self.face() else { return };
        let scale = self.scale(face);
        let face = face.as_scaled(scale);
        let space = self.line_height() as f32 - face.height();
        // Rounded to whole pixels, so that the stems of a line are equally sharp.
        let baseline = (y as f32 + space / 2.0 + face.ascent()).round();
        let mut at = x as f32;
        for c in text.chars() {
            let id = face.glyph_id(known(&face, c));
            if let Some(glyph) = face.outline_glyph(id.with_scale_and_position(scale, point(at, baseline))) {
                let bounds = glyph.px_bounds();
                glyph.draw(|right, down, cover| {
                    let (x, y) = (bounds.min.x as i64 + i64::from(right), bounds.min.y as i64 + i64::from(down));
                    if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
                        && let Some(pixel) = sheet.get_pixel_mut_checked(x, y)
                    {
                        let mix = |under: u8, ink: u8| {
                            (f32::from(under) + (f32::from(ink) - f32::from(under)) * cover.clamp(0.0, 1.0)).round()
                                as u8
                        };
                        *pixel = Rgb(std::array::from_fn(|i| mix(pixel.0[i], self.colour.0[i])));
                    }
                });
            }
            at += face.h_advance(id);
        }
    }

    fn face(self) -> Option<&'static FontRef<'static>> {
        FACES.as_ref().map(|faces| &faces[usize::from(self.bold)])
    }

    /// ab_glyph measures a size from ascent to descent, but font sizes are measured by the em.
    fn scale(self, face: &FontRef<'_>) -> PxScale {
        let em = face.units_per_em().unwrap_or(face.height_unscaled());
        PxScale::from(self.size * face.height_unscaled() / em)
    }
}

/// The character, or a question mark if the font does not have it.
fn known<F: Font, S: ScaleFont<F>>(face: &S, c: char) -> char {
    if face.glyph_id(c).0 == 0 { '?' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_drawn_inside_its_box() {
        for style in [TITLE, LABEL, NOTE] {
            let text = "Ägypten: gjpqy |{}| 4×4 → 12 µm, Ω ≤ 3";
            let (width, height) = (style.width(text), style.line_height());
            assert!(width > 200);
            let (x, y) = (10, 7);
            let white = Rgb([255; 3]);
            let mut sheet = RgbImage::from_pixel((width + 20) as u32, (height + 14) as u32, white);
            style.draw(&mut sheet, x, y, text);
            let mut inked = 0;
            for (px, py, &pixel) in sheet.enumerate_pixels() {
                // A glyph may reach a pixel past its advance.
                let inside =
                    (x - 1..x + width + 1).contains(&(px as usize)) && (y..y + height).contains(&(py as usize));
                assert!(inside || pixel == white, "{style:?}: {px}, {py}");
                inked += usize::from(pixel.0[0] < 180);
            }
            assert!(inked > 200, "{style:?}: {inked}");
        }
    }

    #[test]
    fn text_is_cut_at_the_edges_of_a_sheet() {
        let mut sheet = RgbImage::new(5, 5);
        TITLE.draw(&mut sheet, 2, 0, "text");
        TITLE.draw(&mut sheet, 100, 100, "text");
    }

    #[test]
    fn unknown_characters_are_question_marks() {
        assert_eq!(NOTE.width("校🙂"), NOTE.width("??"));
        assert_eq!(NOTE.wrap("a\u{7}bell\n and  more", 1000), ["a bell and more"]);
    }

    #[test]
    fn lines_are_broken_between_words() {
        let lines = NOTE.wrap("one two three an-unbreakable-word-that-is-wider-than-the-column four", 80);
        assert!(lines.iter().all(|line| NOTE.width(line) <= 80 || !line.contains(' ')), "{lines:?}");
        assert_eq!(lines.join(" "), "one two three an-unbreakable-word-that-is-wider-than-the-column four");
        assert!(NOTE.wrap(" ", 10).is_empty());
    }
}
