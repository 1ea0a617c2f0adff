//! Section `[network]` is written in a short form, or as a list of layers.

use serde_json::json;
use widenet_document::{
    Field, Node, Result, Value, Word, Written,
    keys::{one_of, optional, or, required},
    section,
    shape::{
        Located, Shape, Simple, Whole, boolean, choice, count, list_of, located, mapped, positive, table, whole, word,
    },
};

use super::{
    definition::{EntryLaw, Network},
    image_network::{ImageNetwork, ImageShape, Layer, PixelOrder, Trace},
    window::{Padding, Window},
};
use crate::{
    error::Error,
    problem::activation::{Activation, activation},
    scaling::named::MAX_HIDDEN_LAYERS,
};

section! {
    /// A network: section `[network]`. Whether it has biases is said by the parameterization (`sigma_b`).
    pub(in crate::problem) struct NetworkSection {
        /// `hidden_layers`: their number `L`; there are `L + 1` weight matrices. `layers`: all layers up to the readout, each "activation", or a table
        /// with `dense`, `activation`, `residual` or `repeat`; of networks on images also "flatten", "gap", `conv` and `pool`.
        depth: (&'static str, Depth) = one_of(vec![("hidden_layers", hidden_layers()), ("layers", layers())]),
        /// Activation after every hidden layer: a word, or a table with its parameter.
        activation: Activation = or(activation(), "identity"),
        /// Distribution of the initial entries of the matrices between hidden layers.
        entry_law: EntryLaw = or(word(), "gaussian"),
        /// Whether the function that is trained and recorded is `f − f_0`, the network less its own function at the start.
        centered: bool = or(boolean(), false),
        /// Rows, columns and channels of the inputs of a convolutional network; their product is the dimension of the inputs.
        image: Option<Vec<usize>> = optional(list_of(3, "rows, columns and channels", count())),
        /// Rows and columns of the filters of `hidden_layers` convolutions: one number, or both.
        filter: Option<[usize; 2]> = optional(extent()),
        /// Positions from one window to the next, of rows and columns: one number, or both (1 where it is not given).
        stride: Option<[usize; 2]> = optional(extent()),
        /// What filters see outside the image: zeros, its other end, or nothing, so that they stay inside ("same" where it is not given).
        padding: Option<Padding> = optional(word()),
        /// What ends the image: a vector of all positions, or the average over them ("flatten" where it is not given).
        head: Option<Layer> = optional(choice(HEADS)),
        /// How inputs hold images: channel after channel, or the channels of each position side by side ("planes" where it is not given).
        pixel_order: Option<PixelOrder> = optional(word()),
    }
    refuse { "bias": "biases belong to the parameterization; give `parameterization.sigma_b`" }
    check = check;
}

/// Words of heads.
const HEADS: &[(&str, Layer)] = &[("flatten", Layer::Flatten), ("gap", Layer::GlobalAverage)];

/// Keys of the short form.
const SHORT: [&str; 4] = ["filter", "stride", "padding", "head"];

/// What says how deep a network is.
enum Depth {
    /// The number of hidden layers.
    Hidden(usize),
    /// All layers up to the readout.
    Layers(Located<Node>),
}

fn hidden_layers() -> Simple<Depth> {
    const SHAPE: fn() -> Whole<usize> = || whole(1..=MAX_HIDDEN_LAYERS as u64);
    Simple::new(|field| SHAPE().read(field).map(Depth::Hidden), || SHAPE().schema())
}

fn layers() -> Simple<Depth> {
    Simple::new(|field| located(layer_list()).read(field).map(Depth::Layers), || layer_list().schema())
}

/// A list of layers, which is read when the image is known.
fn layer_list() -> Simple<Node> {
    Simple::new(
        |field| Ok(field.node().clone()),
        || {
            json!({
                "type": "array",
                "minItems": 1,
                "items": { "anyOf": [{ "enum": ["activation", "flatten", "gap"] }, { "type": "object" }] },
            })
        },
    )
}

/// One whole number ≥ 1 for rows and columns, or a list of both.
fn extent() -> Simple<[usize; 2]> {
    fn read(field: &Field<'_>) -> Result<[usize; 2]> {
        match field.node().value {
            Value::Array(_) => {
                let both = field.list_of(2, "rows and columns", Field::count)?;
                Ok([both[0], both[1]])
            }
            _ => field.count().map(|size| [size; 2]),
        }
    }
    Simple::new(read, || {
        let size = json!({ "type": "number", "multipleOf": 1, "minimum": 1 });
        json!({ "anyOf": [size, { "type": "array", "items": size, "minItems": 2, "maxItems": 2 }] })
    })
}

/// A network with its section.
pub(in crate::problem) fn network() -> impl Shape<Value = Network> {
    mapped(table::<NetworkSection>(), |section, field: &Field<'_>| section.network(field))
}

/// Which keys go together.
fn check(section: &NetworkSection, table: &Written<'_>) -> Result<()> {
    if section.image.is_none() {
        for key in SHORT.into_iter().chain(["pixel_order"]) {
            table.refuse(
                key,
                "it belongs to networks on images; give `network.image` = [rows, columns, channels] too",
            )?;
        }
    }
    if let (_, Depth::Layers(_)) = section.depth {
        for key in SHORT {
            table.refuse(key, "`network.layers` says all layers; give one of the two")?;
        }
    } else if section.image.is_some() && section.filter.is_none() {
        return Err(table.missing("filter"));
    }
    Ok(())
}

impl NetworkSection {
    fn network(self, field: &Field<'_>) -> Result<Network> {
        let image = self.image(field)?;
        let matrices = match (&image, &self.depth.1) {
            (Some(image), _) => {
                image.fan_ins().map_err(|error| field.error::<widenet_document::Error>(error.to_string()))?.len()
            }
            (None, Depth::Hidden(hidden_layers)) => hidden_layers + 1,
            // Every list is an `image`, whether its inputs are images or not.
            (None, Depth::Layers(_)) => 1,
        };
        let (entry_law, centered) = (self.entry_law, self.centered);
        let equal = image.as_ref().filter(|_| self.image.is_none()).and_then(ImageNetwork::perceptron);
        let network = match equal.filter(|(hidden_layers, _)| *hidden_layers <= MAX_HIDDEN_LAYERS) {
            Some((hidden_layers, activation)) => {
                Network { hidden_layers, activation, entry_law, centered, image: None }
            }
            None => Network { hidden_layers: matrices - 1, activation: self.activation, entry_law, centered, image },
        };
        if network.hidden_layers <= 1 && network.entry_law != EntryLaw::Gaussian {
            return Err(field.error(format!(
                "`network.entry_law` is \"{}\", the law of the matrices between hidden layers, and one hidden layer has none; leave it out, or use \
                 more hidden layers",
                network.entry_law.name()
            )));
        }
        Ok(network)
    }

    /// The list of a network that is none of equal layers.
    fn image(&self, field: &Field<'_>) -> Result<Option<ImageNetwork>> {
        let Some(image) = &self.image else { return self.of_vectors() };
        let shape = ImageShape { rows: image[0], columns: image[1], channels: image[2] };
        let mut reader = LayerReader { trace: Trace::new(shape), activation: self.activation };
        let layers = match &self.depth.1 {
            Depth::Layers(layers) => {
                let read = reader.list(&layers.field())?;
                reader.trace.clone().finish().map_err(|error| at(&layers.field(), &error))?;
                read
            }
            Depth::Hidden(hidden_layers) => {
                let written = written(field, "filter").unwrap_or_else(|| field.clone());
                self.short_form(*hidden_layers, &mut reader, &written)?
            }
        };
        Ok(Some(ImageNetwork { shape, pixel_order: self.pixel_order.unwrap_or_default(), layers }))
    }

    /// A list of fully connected layers.
    fn of_vectors(&self) -> Result<Option<ImageNetwork>> {
        let Depth::Layers(written) = &self.depth.1 else { return Ok(None) };
        let mut reader = LayerReader { trace: Trace::of_vectors(), activation: self.activation };
        let layers = reader.list(&written.field())?;
        let matrices = reader.trace.finish().map_err(|error| at(&written.field(), &error))?;
        if matrices.len() == 1 {
            return Err(written.error(format!(
                "`{}` has no layer with weights; one of them must be a table with `dense`, such as {{ dense = 1 }}",
                written.key()
            )));
        }
        Ok(Some(ImageNetwork::of_vectors(layers)))
    }

    /// Convolution and activation, as often as there are hidden layers, and the head.
    fn short_form(&self, hidden_layers: usize, reader: &mut LayerReader, field: &Field<'_>) -> Result<Vec<Layer>> {
        let window = Window {
            size: self.filter.unwrap_or([1; 2]),
            stride: self.stride.unwrap_or([1; 2]),
            padding: self.padding.unwrap_or(Padding::Same),
        };
        let mut layers = Vec::new();
        for _ in 0..hidden_layers {
            layers.extend([Layer::Convolution { window, channels: 1.0 }, Layer::Activation(self.activation)]);
        }
        layers.push(self.head.clone().unwrap_or(Layer::Flatten));
        for layer in &layers {
            reader.trace.enter(layer).map_err(|error| at(field, &error))?;
        }
        Ok(layers)
    }
}

/// The value of a key of a table.
fn written<'a>(table: &Field<'a>, key: &str) -> Option<Field<'a>> {
    let dotted = format!("{}.{key}", table.key());
    table.entries().ok()?.into_iter().find(|field| field.key() == dotted)
}

/// An error of the geometry, with the key.
fn at(field: &Field<'_>, error: &Error) -> widenet_document::Error {
    field.error(format!("`{}`: {error}", field.key()))
}

/// A layer that is a table has one of these keys; the others belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Convolution,
    Activation,
    Pool,
    Residual,
    Dense,
    Repeat,
}

impl Word for Kind {
    const WORDS: &'static [(&'static str, Kind)] = &[
        ("conv", Kind::Convolution),
        ("activation", Kind::Activation),
        ("pool", Kind::Pool),
        ("residual", Kind::Residual),
        ("dense", Kind::Dense),
        ("repeat", Kind::Repeat),
    ];
}

section! {
    /// A convolution.
    struct ConvolutionSection {
        /// Rows and columns of the filter: one number, or both.
        conv: [usize; 2] = required(extent()),
        /// ρ: it has ρm channels.
        channels: f64 = or(positive(), 1.0),
        /// Positions from one window to the next, of rows and columns.
        stride: Option<[usize; 2]> = optional(extent()),
        /// What is outside the image.
        padding: Padding = or(word(), "same"),
    }
}

section! {
    /// An average over windows.
    struct PoolSection {
        /// Rows and columns of the window: one number, or both.
        pool: [usize; 2] = required(extent()),
        /// Positions from one window to the next, of rows and columns (those of the window where it is not given).
        stride: Option<[usize; 2]> = optional(extent()),
        /// What is outside the image.
        padding: Padding = or(word(), "valid"),
    }
}

section! {
    /// An activation of its own.
    struct ActivationSection {
        /// Which one.
        activation: Activation = required(activation()),
    }
}

section! {
    /// A fully connected layer.
    struct DenseSection {
        /// ρ: it has ρm neurons.
        dense: f64 = required(positive()),
    }
}

section! {
    /// A sum of two branches.
    struct ResidualSection {
        /// Layers of the main branch.
        residual: Located<Node> = required(located(layer_list())),
        /// Layers of the other branch; without the key it is the identity.
        skip: Option<Located<Node>> = optional(located(layer_list())),
    }
}

section! {
    /// A list of layers, several times.
    struct RepeatSection {
        /// How often.
        repeat: usize = required(count()),
        /// The layers.
        layers: Located<Node> = required(located(layer_list())),
    }
}

/// Reads lists of layers while it follows the shape of the signal, so that errors stand where they belong.
struct LayerReader {
    trace: Trace,
    activation: Activation,
}

impl LayerReader {
    fn list(&mut self, field: &Field<'_>) -> Result<Vec<Layer>> {
        let elements = field.elements()?;
        if elements.is_empty() {
            return Err(field.must_be("a list of at least one layer"));
        }
        let mut layers = Vec::new();
        for element in &elements {
            self.element(element, &mut layers)?;
        }
        Ok(layers)
    }

    fn element(&mut self, field: &Field<'_>, layers: &mut Vec<Layer>) -> Result<()> {
        let layer = match &field.node().value {
            Value::Table(_) => match kind(field)? {
                Kind::Convolution => {
                    let ConvolutionSection { conv, channels, stride, padding } = table().read(field)?;
                    Layer::Convolution {
                        window: Window { size: conv, stride: stride.unwrap_or([1; 2]), padding },
                        channels,
                    }
                }
                Kind::Pool => {
                    let PoolSection { pool, stride, padding } = table().read(field)?;
                    Layer::Pool(Window { size: pool, stride: stride.unwrap_or(pool), padding })
                }
                Kind::Activation => Layer::Activation(table::<ActivationSection>().read(field)?.activation),
                Kind::Dense => Layer::Dense { neurons: table::<DenseSection>().read(field)?.dense },
                Kind::Residual => {
                    let ResidualSection { residual, skip } = table().read(field)?;
                    let before = self.trace.clone();
                    let main = self.branch(&before, &residual)?;
                    let skip = skip.map(|skip| self.branch(&before, &skip)).transpose()?.unwrap_or_default();
                    self.trace = before;
                    Layer::Residual { main, skip }
                }
                Kind::Repeat => {
                    let RepeatSection { repeat, layers: list } = table().read(field)?;
                    for _ in 0..repeat {
                        layers.extend(self.list(&list.field())?);
                    }
                    return Ok(());
                }
            },
            _ => field.choice(&[
                ("activation", Layer::Activation(self.activation)),
                ("flatten", Layer::Flatten),
                ("gap", Layer::GlobalAverage),
            ])?,
        };
        self.trace.enter(&layer).map_err(|error| at(field, &error))?;
        layers.push(layer);
        Ok(())
    }

    /// A branch of a residual, whose errors stand at its own layers.
    fn branch(&mut self, start: &Trace, list: &Located<Node>) -> Result<Vec<Layer>> {
        self.trace = start.in_residual();
        self.list(&list.field())
    }
}

/// Which key says what a layer that is a table is.
fn kind(field: &Field<'_>) -> Result<Kind> {
    let found: Vec<_> = Kind::WORDS.iter().filter(|(word, _)| written(field, word).is_some()).collect();
    match &found[..] {
        [(_, kind)] => Ok(*kind),
        [] => Err(field.must_be("a table with one of `conv`, `activation`, `pool`, `residual`, `dense` and `repeat`")),
        [(first, _), (second, _), ..] => {
            Err(field.error(format!("`{}` has `{first}` and `{second}`; it must have one of them", field.key())))
        }
    }
}
