//! Opens files for reading. Every file that imgveil reads is opened here: only regular files, and without waiting. A
//! named pipe in a data set would otherwise be waited for forever, and a device may never end.

use crate::Memory;
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, IsTerminal, Read, Result, Seek, SeekFrom};
use std::path::Path;

/// Opens a regular file for reading. Links are followed.
///
/// # Errors
/// If the path is a folder, a named pipe, a socket or a device, or the operating system refuses.
pub fn open(path: &Path) -> Result<File> {
    // Opening a device may already do something, so its kind is asked for first.
    check(&std::fs::metadata(path)?)?;
    open_checked(path, OpenOptions::new().read(true), flags::WITHOUT_WAITING)
}

/// As [`open`], and the path itself must not be a link.
///
/// # Errors
/// As [`open`], and if the path is a link.
pub fn open_no_link(path: &Path) -> Result<File> {
    check(&std::fs::symlink_metadata(path)?)?;
    open_checked(path, OpenOptions::new().read(true), flags::WITHOUT_WAITING | flags::NO_LINK)
}

/// Opens a regular file with these options. The path itself must not be a link. Creates the file if the options say so.
///
/// # Errors
/// As [`open_no_link`].
pub(crate) fn open_with(path: &Path, options: &mut OpenOptions) -> Result<File> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => check(&metadata)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    open_checked(path, options, flags::WITHOUT_WAITING | flags::NO_LINK)
}

/// Reads a regular file.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path) -> Result<Vec<u8>> {
    open(path).and_then(read_all)
}

/// Reads an opened file to its end.
///
/// # Errors
/// If the operating system refuses.
pub fn read_all(mut file: File) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map(|_| bytes)
}

/// Reads an opened file to its end, if it fits into memory: every byte takes `factor` bytes until it is used.
///
/// # Errors
/// As [`read_all`], and if it does not fit.
pub(crate) fn read_within(file: &mut File, memory: Memory, factor: u64) -> Result<Vec<u8>> {
    memory.check(file.metadata()?.len().saturating_mul(factor)).map_err(Error::other)?;
    let mut bytes = Vec::new();
    // The file may grow while it is read.
    file.take(memory.room() / factor.max(1)).read_to_end(&mut bytes).map(|_| bytes)
}

/// Opens a file that the user named on the command line, such as a key. Besides regular files, it may be an open file
/// that the caller passed on: `/dev/stdin`, or `/dev/fd/63` of a shell's `<(command)`.
///
/// # Errors
/// As [`open`].
pub fn open_named(path: &Path) -> Result<File> {
    let Some(number) = passed_on(path) else { return open(path) };
    // Reading from the pipe that this process writes to would wait for ever.
    if is_output(number) {
        return Err(Error::new(ErrorKind::InvalidInput, "it is open for writing only, and not for reading"));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let ends = |kind: FileType| kind.is_file() || is_pipe(kind);
    if ends(metadata.file_type()) || file.is_terminal() { Ok(file) } else { check(&metadata).map(|()| file) }
}

/// As [`open_named`], and reads at most `limit` bytes.
///
/// # Errors
/// As [`open`], and if there is more than that.
pub fn read_named(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_named(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Error::other(format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn is_pipe(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: FileType) -> bool {
    false
}

/// A reader that reads again if a signal interrupted it. Decoders take an interruption for damage.
#[derive(Debug)]
pub struct Retrying<R>(pub R);

impl<R: Read> Read for Retrying<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        loop {
            match self.0.read(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl<R: Seek> Seek for Retrying<R> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.0.seek(to)
    }
}

/// The number of the open file of this process that a path names.
fn passed_on(path: &Path) -> Option<u32> {
    if path == Path::new("/dev/stdin") {
        return Some(0);
    }
    let number = path.strip_prefix("/dev/fd").or_else(|_| path.strip_prefix("/proc/self/fd")).ok()?;
    number.to_str()?.parse().ok()
}

/// Whether an open file of this process is one of its outputs. Linux tells how a file was opened.
fn is_output(number: u32) -> bool {
    let told = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = told.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    matches!(number, 1 | 2) || flags.is_some_and(|flags| flags & 0o3 == 0o1)
}

/// What a file that is not regular is, with its article.
pub(crate) fn kind(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a link"
    } else if kind.is_file() {
        "a file"
    } else {
        "no file"
    }
}

fn check(metadata: &Metadata) -> Result<()> {
    let is = metadata.file_type();
    match is.is_file() {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidInput, format!("it is {}, and not a regular file", kind(is)))),
    }
}

#[cfg(unix)]
mod flags {
    use rustix::fs::OFlags;

    pub(super) const WITHOUT_WAITING: i32 = (OFlags::NONBLOCK.bits() | OFlags::NOCTTY.bits()) as i32;
    pub(super) const NO_LINK: i32 = OFlags::NOFOLLOW.bits() as i32;
}

#[cfg(not(unix))]
mod flags {
    pub(super) const WITHOUT_WAITING: i32 = 0;
    pub(super) const NO_LINK: i32 = 0;
}

/// Opens a file and checks what was opened: the path may name another file by now.
fn open_checked(path: &Path, options: &mut OpenOptions, flags: i32) -> Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags);
    let _ = flags;
    let file = options.open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType as Kind, Mode, mknodat};
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_regular_files_are_opened_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), b"bytes").unwrap();
        mknodat(CWD, path("pipe"), Kind::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        symlink(path("file"), path("link")).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        symlink(path("pipe"), path("to-pipe")).unwrap();
        assert_eq!(read(&path("file")).unwrap(), b"bytes");
        assert_eq!(read(&path("link")).unwrap(), b"bytes");
        let words = |path: &Path| open(path).unwrap_err().to_string();
        assert_eq!(words(&path("pipe")), "it is a named pipe, and not a regular file");
        assert_eq!(words(&path("to-pipe")), "it is a named pipe, and not a regular file");
        assert_eq!(words(&path("socket")), "it is a socket, and not a regular file");
        assert_eq!(words(&path("zero")), "it is a device, and not a regular file");
        assert_eq!(words(folder.path()), "it is a folder, and not a regular file");
        assert_eq!(open(&path("none")).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(open_no_link(&path("link")).unwrap_err().to_string(), "it is a link, and not a regular file");
        let create = |name: &str| open_with(&path(name), OpenOptions::new().append(true).create(true));
        symlink(path("elsewhere"), path("dangling")).unwrap();
        assert!(create("new").is_ok() && create("file").is_ok());
        for name in ["pipe", "link", "dangling", "socket"] {
            assert!(create(name).is_err(), "{name}");
        }
        assert!(!path("elsewhere").exists());
    }

    #[test]
    fn what_the_caller_passed_on_is_read_up_to_a_limit() {
        let passed = ["/dev/stdin", "/dev/fd/63", "/proc/self/fd/0"].map(|path| passed_on(Path::new(path)));
        assert_eq!(passed, [Some(0), Some(63), Some(0)]);
        for other in ["/dev/zero", "/dev/fd", "/dev/fd/../zero", "/dev/fd/1/2", "key"] {
            assert_eq!(passed_on(Path::new(other)), None, "{other}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read_named(&path, 5).unwrap(), b"12345");
        assert_eq!(read_named(&path, 4).unwrap_err().to_string(), "it is larger than 4 bytes");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_outputs_of_this_process_are_not_read() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"bytes").unwrap();
        let path = |number: i32| format!("/dev/fd/{number}");
        for number in [1, 2, writer.as_raw_fd()] {
            let error = open_named(Path::new(&path(number))).unwrap_err();
            assert_eq!(error.to_string(), "it is open for writing only, and not for reading");
        }
        let mut bytes = [0; 5];
        open_named(Path::new(&path(reader.as_raw_fd()))).unwrap().read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"bytes");
    }
}
