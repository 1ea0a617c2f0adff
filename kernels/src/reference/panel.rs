//! Plain twins of products of panels with vectors.

/// `Y (P × r)` with `y_c = W x_c`, for W (r × n) and X (P × n).
pub fn panel_apply(w: &[f64], x: &[f64], n: usize) -> Vec<f64> {
    let mut y = Vec::new();
    for vector in x.chunks(n) {
        for row in w.chunks(n) {
            y.push(row.iter().zip(vector).map(|(w, x)| w * x).sum());
        }
    }
    y
}

/// `Z (P × n)` with `z_c = Wᵀ g_c`, for W (r × n) and G (P × r).
pub fn panel_apply_transpose(w: &[f64], g: &[f64], n: usize) -> Vec<f64> {
    let mut z = Vec::new();
    for vector in g.chunks(w.len() / n) {
        for j in 0..n {
            z.push(vector.iter().zip(w.chunks(n)).map(|(g, row)| g * row[j]).sum());
        }
    }
    z
}

/// `p W + Σ_q a_q b_qᵀ`, for W (r × n), A (Q × r) and B (Q × n).
pub fn panel_rank_update(w: &[f64], factor: f64, a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let rows = w.len() / n;
    let mut updated = Vec::new();
    for i in 0..rows {
        for j in 0..n {
            let sum: f64 = a.chunks(rows).zip(b.chunks(n)).map(|(a, b)| a[i] * b[j]).sum();
            updated.push(factor * w[i * n + j] + sum);
        }
    }
    updated
}
