//! Connection limits: a maximum number in total, and a maximum number for each client address.

use super::ServerLimits;
use ipnet::IpNet;
use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// The response to a client for which no slot is free.
pub(super) const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The connection slots of a server.
pub(super) struct ConnectionSlots {
    most: usize,
    most_of_one: usize,
    proxies: Vec<IpNet>,
    taken: Mutex<TakenSlots>,
}

#[derive(Default)]
struct TakenSlots {
    in_all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection slot, which is released on drop.
pub(super) struct ConnectionSlot {
    places: Arc<ConnectionSlots>,
    /// The address that the slot is counted for; `None`: the peer is a proxy, which is not counted.
    address: Option<IpAddr>,
}

impl ConnectionSlots {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        let (most, most_of_one) = (limits.connections, limits.per_address);
        Self { most, most_of_one, proxies: limits.proxies.clone(), taken: Mutex::default() }
    }

    /// Takes a slot for a connection from this address. Returns `None` if the server or the address is at its limit.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionSlot> {
        let address = address.to_canonical();
        let is_proxy = self.proxies.iter().any(|network| network.contains(&address));
        let address = (!is_proxy).then(|| customer(address));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.in_all >= self.most {
            return None;
        }
        if let Some(address) = address {
            let own = taken.by_address.entry(address).or_default();
            if *own >= self.most_of_one {
                return None;
            }
            *own += 1;
        }
        taken.in_all += 1;
        Some(ConnectionSlot { places: self.clone(), address })
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.in_all = taken.in_all.saturating_sub(1);
        if let Some(Entry::Occupied(mut own)) = self.address.map(|address| taken.by_address.entry(address)) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

/// Returns the part of the address that one customer of a provider cannot choose: all of IPv4, the first 64 bits of
/// IPv6.
fn customer(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(connections: usize, per_address: usize) -> Arc<ConnectionSlots> {
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        Arc::new(ConnectionSlots::new(&ServerLimits { connections, per_address, proxies, ..ServerLimits::default() }))
    }

    /// Takes slots for the address until none is left, and returns how many it got.
    fn count(places: &Arc<ConnectionSlots>, address: &str) -> (usize, Vec<ConnectionSlot>) {
        let address = address.parse().unwrap();
        let taken: Vec<ConnectionSlot> = (0..100).map_while(|_| places.take(address)).collect();
        (taken.len(), taken)
    }

    #[test]
    fn one_address_has_so_many_places_and_another_as_many() {
        let places = places(50, 4);
        let (number, held) = count(&places, "192.0.2.1");
        assert_eq!(number, 4);
        assert_eq!(count(&places, "::ffff:192.0.2.1").0, 0, "the same, mapped");
        assert_eq!(count(&places, "192.0.2.2").0, 4);
        drop(held);
        assert_eq!(count(&places, "192.0.2.1").0, 4, "they are free again");
        assert!(places.taken.lock().unwrap().by_address.is_empty(), "nothing is kept of who has gone");
    }

    #[test]
    fn a_customer_of_ipv6_is_one_address() {
        let places = places(50, 4);
        let (number, _held) = count(&places, "2001:db8::1");
        assert_eq!(number, 4);
        assert_eq!(count(&places, "2001:db8::ffff:2").0, 0, "the same /64");
        assert_eq!(count(&places, "2001:db8:0:1::1").0, 4, "another /64");
    }

    #[test]
    fn a_proxy_has_all_places_but_no_more() {
        let places = places(9, 4);
        let (number, held) = count(&places, "10.1.2.3");
        assert_eq!(number, 9);
        assert_eq!(count(&places, "192.0.2.1").0, 0, "there is none left");
        drop(held);
        assert_eq!(count(&places, "192.0.2.1").0, 4);
    }
}
