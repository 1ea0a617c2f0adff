//! Plain twins of tall-skinny products.

/// Returns `Q Xᵀ (r × P)`, for Q (r × n) and X (P × n).
pub fn tall_gram(q: &[f64], x: &[f64], n: usize) -> Vec<f64> {
    let mut products = Vec::new();
    for basis_vector in q.chunks(n) {
        for vector in x.chunks(n) {
            products.push(basis_vector.iter().zip(vector).map(|(q, x)| q * x).sum());
        }
    }
    products
}

/// Returns `X + Cᵀ Q (P × n)`, for X (P × n), Q (r × n) and C (r × P).
pub fn tall_add(x: &[f64], q: &[f64], coefficients: &[f64], n: usize) -> Vec<f64> {
    let vectors = x.len() / n;
    let mut sums = x.to_vec();
    for (c, vector) in sums.chunks_mut(n).enumerate() {
        for (j, basis_vector) in q.chunks(n).enumerate() {
            vector.iter_mut().zip(basis_vector).for_each(|(sum, q)| *sum += coefficients[j * vectors + c] * q);
        }
    }
    sums
}
