//! Chance that can be had again: the same seed gives the same files.

/// Xorshift, 64 bits.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Less than `most`, or 0.
    pub fn below(&mut self, most: usize) -> usize {
        (self.number() >> 32) as usize % most.max(1)
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A number that programs take the wrong way: an end of a range, or beside one.
    pub fn odd(&mut self) -> u64 {
        let bits = self.below(65) as u32;
        let edge = 1_u64.checked_shl(bits).unwrap_or(0);
        match self.below(8) {
            0 => 0,
            1 => u64::MAX,
            2 => edge.wrapping_sub(1),
            3 => edge.wrapping_add(1),
            4 => edge,
            5 => self.number(),
            6 => self.below(256) as u64,
            _ => self.below(65_536) as u64,
        }
    }
}
