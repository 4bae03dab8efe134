//! What stands between a node and its store: it passes on what both say, until it is told to fail.

use anyhow::Result;
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{sleep, spawn},
    time::Duration,
};

/// What a node that waits for wake-ups says, to Postgres or to Redis.
const LISTENS: [&[u8]; 2] = [b"LISTEN", b"XREAD"];
/// More than half of the freshness bound: two answers are more than all of it.
const DELAY: Duration = Duration::from_millis(600);

/// How it fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not at all.
    None,
    /// No wake-up arrives.
    Cut,
    /// All that the store says arrives late.
    Delayed,
    /// Nothing arrives.
    Frozen,
}

/// It listens as long as the program runs.
pub(crate) struct Relay {
    /// Where.
    pub(crate) address: SocketAddr,
    fault: Arc<State>,
}

struct State {
    fault: Mutex<Fault>,
    changed: Condvar,
}

impl Relay {
    /// To the store at this address.
    pub(crate) fn start(store: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let fault = Arc::new(State { fault: Mutex::new(Fault::None), changed: Condvar::new() });
        let state = fault.clone();
        spawn(move || {
            for node in listener.incoming().map_while(Result::ok) {
                // A connection that fails is closed.
                let _ = relay(node, store, &state);
            }
        });
        Ok(Self { address, fault })
    }

    /// From now on it fails so.
    pub(crate) fn fails(&self, fault: Fault) {
        *self.fault.lock() = fault;
        self.fault.changed.notify_all();
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Fault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this may be passed on.
    fn pass(&self, from_store: bool, to_listener: bool) {
        let is_held = |fault: &mut Fault| *fault == Fault::Frozen || (*fault == Fault::Cut && to_listener);
        let fault = *self.changed.wait_while(self.lock(), is_held).unwrap_or_else(PoisonError::into_inner);
        if fault == Fault::Delayed && from_store {
            sleep(DELAY);
        }
    }
}

fn relay(node: TcpStream, store: SocketAddr, state: &Arc<State>) -> Result<()> {
    let store = TcpStream::connect(store)?;
    node.set_nodelay(true)?;
    store.set_nodelay(true)?;
    let listens = Arc::new(AtomicBool::new(false));
    let (from_node, to_store) = (node.try_clone()?, store.try_clone()?);
    let (state, told) = (state.clone(), listens.clone());
    let (back_state, back_told) = (state.clone(), listens);
    spawn(move || {
        copy(from_node, to_store, |said| {
            if LISTENS.iter().any(|word| said.windows(word.len()).any(|part| part == *word)) {
                told.store(true, Ordering::SeqCst);
            }
            state.pass(false, false);
        });
    });
    spawn(move || copy(store, node, |_| back_state.pass(true, back_told.load(Ordering::SeqCst))));
    Ok(())
}

/// Passes on what `from` says until either end closes.
fn copy(mut from: TcpStream, mut to: TcpStream, pass: impl Fn(&[u8])) {
    let mut said = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut said) {
        let said = &said[..length];
        pass(said);
        if to.write_all(said).is_err() {
            break;
        }
    }
    // Whoever is gone takes the other end along.
    let _ = (from.shutdown(std::net::Shutdown::Both), to.shutdown(std::net::Shutdown::Both));
}
