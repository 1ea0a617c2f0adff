//! Names that other programs use for what has another name, or another place, in these files.

/// A key that people write, and what is meant: a dotted key, or an option.
const KEYS: &[(&str, &str)] = &[
    ("act", "network.activation"),
    ("activation", "network.activation"),
    ("act_fn", "network.activation"),
    ("batch", "optimizer.batch_size"),
    ("batch_size", "optimizer.batch_size"),
    ("bias", "parameterization.sigma_b"),
    ("beta", "optimizer.momentum"),
    ("centered", "network.centered"),
    ("dataset", "data"),
    ("depth", "network.hidden_layers"),
    ("device", "the option --device"),
    ("engine", "study.engine, or the option --engine"),
    ("early_stopping", "stop.train_loss"),
    ("epochs", "optimizer.steps, which counts batches and not epochs"),
    ("eta", "optimizer.learning_rate"),
    ("gamma", "parameterization.richness"),
    ("hidden_layers", "network.hidden_layers"),
    ("hidden_size", "the option --width, in studies axes.width"),
    ("hidden_width", "the option --width, in studies axes.width"),
    ("init_std", "parameterization.sigma_w"),
    ("iterations", "optimizer.steps"),
    ("l2", "optimizer.weight_decay"),
    ("layers", "network.hidden_layers"),
    ("learning_rate", "optimizer.learning_rate"),
    ("lr", "optimizer.learning_rate"),
    ("lr_schedule", "optimizer.schedule"),
    ("lr_scheduler", "optimizer.schedule"),
    ("max_steps", "optimizer.steps"),
    ("metrics", "record.quantities, in studies [[metric]]"),
    ("model", "network"),
    ("momentum", "optimizer.momentum"),
    ("mup", "parameterization.kind = \"mean_field\""),
    ("n_hidden", "the option --width, in studies axes.width"),
    ("n_layers", "network.hidden_layers"),
    ("nesterov", "optimizer.nesterov with optimizer.kind = \"momentum\""),
    ("neurons", "the option --width, in studies axes.width"),
    ("nonlinearity", "network.activation"),
    ("normalize", "data.normalize"),
    ("num_hidden_layers", "network.hidden_layers"),
    ("num_layers", "network.hidden_layers"),
    ("num_steps", "optimizer.steps"),
    ("precision", "study.precision, or the option --precision"),
    ("quantities", "record.quantities"),
    ("richness", "parameterization.richness"),
    ("ridge", "predict.ridge"),
    ("schedule", "optimizer.schedule"),
    ("scheduler", "optimizer.schedule"),
    ("seed", "the option --seed, in studies axes.seed"),
    ("sigma_b", "parameterization.sigma_b"),
    ("sigma_w", "parameterization.sigma_w"),
    ("standardize", "data.standardize"),
    ("steps", "optimizer.steps"),
    ("test_samples", "data.test_samples"),
    ("train_samples", "data.train_samples"),
    ("training", "optimizer"),
    ("warmup", "optimizer.schedule.warmup"),
    ("warmup_steps", "optimizer.schedule.warmup"),
    ("wd", "optimizer.weight_decay"),
    ("weight_decay", "optimizer.weight_decay"),
    ("width", "the option --width, in studies axes.width"),
    ("widths", "the option --width, in studies axes.width"),
];

/// A value that people write, the word that is meant, and what should be said of it.
const WORDS: &[(&str, &str, &str)] = &[
    ("adamw", "adam", "with its weight_decay"),
    ("bce", "logistic", ""),
    ("ce", "cross_entropy", ""),
    ("cifar10", "cifar", ""),
    ("cifar100", "cifar", ""),
    ("double", "f64", ""),
    ("float32", "f32", ""),
    ("float64", "f64", ""),
    ("gelu_tanh", "gelu", "with the error function; its approximation by tanh is not here"),
    ("gelu_new", "gelu", "with the error function; its approximation by tanh is not here"),
    ("gradient_descent", "gd", ""),
    ("gradient_flow", "flow", ""),
    ("heaviside", "step", ""),
    ("leakyrelu", "leaky_relu", ""),
    ("linear", "identity", ""),
    ("maximal_update", "mean_field", "the maximal-update parameterization, whose learning rates follow the optimizer"),
    ("mnist", "idx", "the format of its files"),
    ("mse", "squared", "half the mean over samples of the sum over outputs"),
    ("mu_p", "mean_field", "the maximal-update parameterization, whose learning rates follow the optimizer"),
    ("nesterov", "momentum", "with nesterov = true"),
    ("numpy", "npy", ""),
    ("sign", "step", ""),
    ("softmax", "cross_entropy", ""),
    ("sp", "standard", ""),
    ("swish", "silu", ""),
    ("l2", "squared", ""),
];

/// A value that people write and that has no counterpart, a known word by which its key is known, and what should be said.
const ABSENT: &[(&str, &str, &str)] = &[
    ("adagrad", "adam", "there is no Adagrad; `adam` and `rmsprop` normalize gradients too"),
    ("lion", "adam", "there is no Lion; `adam` and `rmsprop` normalize gradients too"),
];

/// What is said of a value that has no counterpart among the known words.
pub(crate) fn absent(word: &str, known: &[&str]) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    ABSENT.iter().find(|(name, of, _)| *name == lower && known.contains(of)).map(|(.., said)| *said)
}

/// What a key means elsewhere; nothing for a key that already stands where it is meant to.
pub(crate) fn key(dotted: &str, key: &str) -> Option<&'static str> {
    let lower = key.to_ascii_lowercase();
    KEYS.iter().find(|(name, _)| *name == lower).map(|(_, meant)| *meant).filter(|meant| *meant != dotted)
}

/// The known word that a value means, with what should be said of it.
pub(crate) fn word(word: &str, known: &[&str]) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    let (_, meant, said) = WORDS.iter().find(|(name, ..)| name.to_ascii_lowercase() == lower)?;
    known.contains(meant).then(|| match *said {
        "" => format!("`{meant}` is meant here"),
        said => format!("`{meant}` is meant here ({said})"),
    })
}

/// Keys that are named by a plain dotted key, for a test that they exist.
pub fn foreign_keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(_, meant)| *meant).filter(|meant| !meant.contains(' '))
}

/// Words that are meant, for a test that they exist.
pub fn foreign_words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().chain(ABSENT).map(|(_, meant, _)| *meant)
}
