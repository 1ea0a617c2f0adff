//! Numbers as arrays of NumPy store them: of every kind, size and byte order.

/// A number of half precision: a sign, five bits of exponent, ten of fraction.
pub(super) fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// How a number is stored.
pub(super) struct Number {
    kind: Kind,
    /// Bytes of each.
    pub(super) bytes: u64,
    big_endian: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Float,
    Signed,
    Unsigned,
}

impl Number {
    /// Of a NumPy type such as `<f8`.
    pub(super) fn from_type(name: &str) -> Option<Number> {
        let mut letters = name.chars();
        let big_endian = match letters.next()? {
            '<' | '|' => false,
            '>' => true,
            '=' => cfg!(target_endian = "big"),
            _ => return None,
        };
        let kind = match letters.next()? {
            'f' => Kind::Float,
            'i' => Kind::Signed,
            'u' | 'b' => Kind::Unsigned,
            _ => return None,
        };
        let bytes = letters.as_str().parse().ok().filter(|bytes| match kind {
            Kind::Float => [2, 4, 8].contains(bytes),
            Kind::Unsigned if name.contains('b') => *bytes == 1,
            _ => [1, 2, 4, 8].contains(bytes),
        })?;
        Some(Number { kind, bytes, big_endian })
    }

    /// Puts stored numbers in their places, one by one; a whole number that `f64` does not hold is returned.
    pub(super) fn decode<'a>(
        &self,
        bytes: &[u8],
        values: impl Iterator<Item = &'a mut f64>,
    ) -> impl Iterator<Item = std::result::Result<(), i128>> {
        values.zip(bytes.chunks_exact(self.bytes as usize)).map(|(value, stored)| {
            *value = self.value(stored)?;
            Ok(())
        })
    }

    fn value(&self, stored: &[u8]) -> std::result::Result<f64, i128> {
        // The number in the upper bytes of a big-endian word, so that a signed shift extends its sign.
        let mut word = [0; 8];
        for (i, byte) in word.iter_mut().enumerate().take(stored.len()) {
            *byte = if self.big_endian { stored[i] } else { stored[stored.len() - 1 - i] };
        }
        let shift = 64 - 8 * stored.len() as u32;
        let bits = u64::from_be_bytes(word);
        let exact = |whole: i128| if whole as f64 as i128 == whole { Ok(whole as f64) } else { Err(whole) };
        match self.kind {
            Kind::Signed => exact((bits as i64 >> shift).into()),
            Kind::Unsigned => exact((bits >> shift).into()),
            Kind::Float if shift == 0 => Ok(f64::from_bits(bits)),
            Kind::Float if shift == 32 => Ok(f64::from(f32::from_bits((bits >> 32) as u32))),
            Kind::Float => Ok(half((bits >> 48) as u16)),
        }
    }
}
