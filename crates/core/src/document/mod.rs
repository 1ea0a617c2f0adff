//! Problem and study files: TOML or JSON read into one tree that knows where everything stands.
