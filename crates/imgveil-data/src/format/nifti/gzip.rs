//! A gzip file of one member or several. Zeros behind a member, with which some programs fill blocks, are skipped, as
//! gzip does.

use flate2::bufread::GzDecoder;
use std::io::{BufRead, Read, Result};

/// The unpacked bytes of all members.
pub(super) struct Members<R> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    /// The members of a file that begins with one.
    pub(super) fn new(file: R) -> Self {
        Self { member: Some(GzDecoder::new(file)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.member =
                self.member.take().map(GzDecoder::into_inner).and_then(|file| next(file).transpose()).transpose()?;
        }
        Ok(0)
    }
}

/// The member that follows in a file, if there is one.
fn next<R: BufRead>(mut file: R) -> Result<Option<GzDecoder<R>>> {
    loop {
        let ahead = file.fill_buf()?;
        if ahead.is_empty() {
            return Ok(None);
        }
        let zeros = ahead.iter().take_while(|&&byte| byte == 0).count();
        if zeros < ahead.len() {
            file.consume(zeros);
            return Ok(Some(GzDecoder::new(file)));
        }
        file.consume(zeros);
    }
}
