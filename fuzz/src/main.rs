//! Throws mutated audio at a gateway over HTTP, at both doors, and watches that it lives.
//!
//! `cargo run --release --manifest-path fuzz/Cargo.toml -- SECONDS [SEED]`, with the gateway's program at
//! `target/release/dalston-gateway` or where `DALSTON_GATEWAY` says. What ended a decoder, what was answered 5xx or not at
//! all is written to `fuzz/found`, one file each. The end is an error when the gateway died, panicked, or answered 5xx.

#[path = "../../tests/kit/bomb.rs"]
#[allow(dead_code, reason = "the tests' bombs are made of the same")]
mod bomb;
mod chance;
mod door;
mod gateway;
mod layout;
mod made;
mod mutant;

use chance::Chance;
use door::Door;
use gateway::Gateway;
use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::ExitCode,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

/// Uploads at once.
const THREADS: u64 = 4;

/// What was seen.
#[derive(Default)]
struct Seen {
    /// Answers, by status; 0 for none.
    answers: BTreeMap<u16, u64>,
    found: u64,
}

fn main() -> ExitCode {
    let number = |at| env::args().nth(at).and_then(|word| word.parse().ok());
    let seconds = number(1).unwrap_or(600);
    let seed = number(2).unwrap_or(1);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = seeds(&folder.join("seeds"));
    let gateway = Gateway::start(&folder.with_file_name("target/release/dalston-gateway"));
    let before = gateway.memory();
    let seen = Mutex::new(Seen::default());
    let end = Instant::now() + Duration::from_secs(seconds);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (gateway, seeds, seen) = (&gateway, &seeds, &seen);
            scope.spawn(move || {
                let mut chance = Chance::new(seed.wrapping_mul(THREADS).wrapping_add(thread));
                throw(gateway, seeds, &mut chance, end, seen, &folder.join("found"));
            });
        }
    });
    let Seen { answers, found } = seen.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let uploads: u64 = answers.values().sum();
    let lives = gateway.lives();
    let memory = if lives { gateway.memory() } else { 0 };
    let report = gateway.stop();
    println!("{uploads} uploads in {seconds} s from seed {seed}: {answers:?}");
    println!("decoders that died: {}; files kept in fuzz/found: {found}", report.deaths);
    println!("panics of the gateway: {}; it lives: {lives}", report.panics);
    println!("its memory: {before} KiB before, {memory} KiB at the end, {} KiB at most", report.most);
    let failed = answers.iter().any(|(status, _)| *status == 0 || *status >= 500);
    if failed || !lives || report.panics > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The files to begin with: those of encoders, and those that are known to be hostile.
fn seeds(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder).expect("fuzz/seeds").filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let files = paths.iter().map(|path| fs::read(path).expect("a seed can be read"));
    let bombs = bomb::found().into_iter().chain(bomb::others()).map(|bomb| bomb.bytes);
    files.chain(bombs.filter(|bytes| bytes.len() < 32 * 1024)).collect()
}

fn throw(gateway: &Gateway, seeds: &[Vec<u8>], chance: &mut Chance, end: Instant, seen: &Mutex<Seen>, folder: &Path) {
    let mut door = Door::new(gateway);
    while Instant::now() < end {
        let file = match chance.below(4) {
            0 => made::made(chance),
            1 => {
                let (file, other) = (made::made(chance), chance.pick(seeds));
                mutant::mutant(file, other, chance)
            }
            _ => {
                let (file, other) = (chance.pick(seeds).clone(), chance.pick(seeds));
                mutant::mutant(file, other, chance)
            }
        };
        if file.is_empty() {
            continue;
        }
        let is_openai = chance.once_in(8);
        let (status, body) = door.upload(&file, is_openai);
        let died = body.contains("within the memory and the time");
        let mut seen = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *seen.answers.entry(status).or_default() += 1;
        if status == 0 || status >= 500 || died {
            seen.found += 1;
            fs::create_dir_all(folder).expect("fuzz/found");
            let name = format!("{status}-{:016x}", chance.number());
            fs::write(folder.join(name), &file).expect("a file can be written");
        }
        if status == 0 && !gateway.lives() {
            return;
        }
    }
}
