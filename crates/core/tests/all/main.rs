//! Tests of the vocabulary, in one binary.

mod data_sources;
mod image_networks;
mod problem_files;
mod scaling;
mod schema;
mod shapes;
mod validator;
