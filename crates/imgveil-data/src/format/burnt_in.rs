//! What a file's header says about text that is burnt into its pixels.

/// What a file's header says about text that is burnt into its pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BurntIn {
    /// Nothing.
    #[default]
    Unsaid,
    /// That there is none. It need not be true.
    Denied,
    /// Not in words, but it is an image of a kind that often has some: an ultrasound image, a photograph, a screenshot
    /// or another secondary capture.
    Likely,
    /// That there is.
    Stated,
}
