//! A gzip file of one member or several. Zeros behind a member, with which some programs fill blocks, are skipped, as
//! gzip does.

use flate2::bufread::GzDecoder;
use std::io::{BufRead, Error, ErrorKind, Read, Result};

/// The unpacked bytes of all members.
pub(super) struct Members<R> {
    member: Option<GzDecoder<R>>,
    /// The members so far, and the bytes in them.
    count: u64,
    unpacked: u64,
}

/// As many members as this may be in a file, however little is in them.
const FREE_MEMBERS: u64 = 4096;

/// The fewest bytes of each member beyond [`FREE_MEMBERS`], on average. Programs that write several members write 64
/// KiB in each. To begin a member takes as long as to unpack many kilobytes.
const BYTES_OF_A_MEMBER: u64 = 1024;

impl<R: BufRead> Members<R> {
    /// The members of a file that begins with one.
    pub(super) fn new(file: R) -> Self {
        Self { member: Some(GzDecoder::new(file)), count: 1, unpacked: 0 }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                self.unpacked += read as u64;
                return Ok(read);
            }
            if self.count > FREE_MEMBERS + self.unpacked / BYTES_OF_A_MEMBER {
                return Err(Error::new(ErrorKind::InvalidData, "it is cut into members that hold almost nothing"));
            }
            self.count += 1;
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
