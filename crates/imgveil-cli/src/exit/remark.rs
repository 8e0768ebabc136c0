//! Advice for remarks about sets.

use imgveil_data::set::{Advice, Remark};

/// The flags that help, to follow the remark.
pub fn advice(remark: &Remark) -> &'static str {
    match remark.advice() {
        Advice::Layout => "; --labels FILE says otherwise (columns name, label, split)",
        Advice::Channels => "; --channels 1 or --channels 3 makes them alike",
        Advice::Size => "; --resize HEIGHTxWIDTH makes them alike",
        Advice::Depth => "; --depth 16 for the whole range",
        Advice::Labels => "; --no-labels leaves them out",
        Advice::Orientation => "; --exif-orientation apply turns them",
        Advice::BurntIn => "; `imgveil find-text` looks for it, and --mask blanks it",
        _ => "",
    }
}
