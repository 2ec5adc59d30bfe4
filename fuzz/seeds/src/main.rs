//! Writes the seeds of the fuzz targets, `fuzz/corpus/TARGET/NAME`, and the fixtures that they belong to, `fuzz/fixtures/`.
//!
//! Keys and signatures are new at each run, so it runs where a seed is added, and not in CI. Seeds that it does not write stay.

mod pki;
mod texts;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};

/// Target, name and bytes.
type Seed = (&'static str, String, Vec<u8>);

fn main() -> std::io::Result<()> {
    let fuzz = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let repository = fuzz.join("..");
    let (fixtures, mut seeds) = pki::make(&repository);
    seeds.extend(texts::make(&repository));
    seeds.extend(wire::make());
    for (name, bytes) in fixtures {
        write(&fuzz.join("fixtures").join(name), &bytes)?;
    }
    for (target, name, bytes) in seeds {
        write(&fuzz.join("corpus").join(target).join(name), &bytes)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}
