//! How colours come out of a codestream.

/// How the three components of a colour image come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Colours {
    /// As red, green and blue, converted if the markers say so, as libjpeg does.
    Marked,
    /// As they are stored, whatever the markers say.
    Stored,
    /// As red, green and blue, converted from YCbCr whatever the markers say.
    Converted,
}
