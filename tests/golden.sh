#!/usr/bin/env bash
# What every command computes, as files, so that two versions of the program can be compared byte for byte on one machine:
#
#     tests/golden.sh OLD_CLONE OLD_BINARY before
#     tests/golden.sh NEW_CLONE NEW_BINARY after
#     diff -r before after
#
# Each clone supplies its own studies and data; OUT is made anew. Numbers differ between processors in the last digits, so the
# files are not kept.
set -uo pipefail
[ $# -eq 3 ] || { echo "usage: tests/golden.sh CLONE BINARY OUT" >&2; exit 2; }
clone=$(realpath "$1") binary=$(realpath "$2") out=$3
rm -rf "$out" && mkdir -p "$out" && out=$(realpath "$out")
cd "$clone" || exit 2
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

# say NAME ARGUMENT…: standard output and the exit code of one command.
say() {
  local name=$1
  shift
  "$binary" "$@" >"$out/$name.out" 2>"$work/error"
  echo "exit code $?" >>"$out/$name.out"
}

# study NAME FILE ARGUMENT…: the tables of one study, and the exit code.
study() {
  local name=$1
  shift
  "$binary" study "$@" --device cpu --out "$work/$name" >/dev/null 2>"$work/error"
  echo "exit code $?" >"$out/$name.study"
  for table in "$work/$name"/*/{table,fits,summary}.csv; do
    [ -e "$table" ] && cp "$table" "$out/$name.$(basename "$table")"
  done
  for figure in "$work/$name"/*/figures/*.svg; do
    [ -e "$figure" ] && cp "$figure" "$out/$name.$(basename "$figure")"
  done
}

if "$binary" solve --help | grep -q -- --answers; then recomputed=(--answers recomputed); else recomputed=(--images regenerated); fi

linear=experiments/problem.toml wide=experiments/wide/problem.toml classifier=experiments/scaling-limits/problem.toml
everything='record.quantities=["train_loss","test_loss","train_accuracy","test_accuracy","outputs","tangent_kernel","tangent_kernel_change","feature_gram","gradient_gram","learned_singular_values","effective_dimensions","output_covariance","min_norm_distance","predictor"]'
few='record.at=[0, 1, 7, 20]'
perceptron='record.quantities=["train_loss","outputs","tangent_kernel","nngp_kernel","nngp_kernel_change","weight_change","parameter_distance","activation_norms","activation_changes","output_change","linearised_outputs","linearisation_distance"]'
american=${perceptron//linearis/lineariz}
grep -rq linearized_outputs experiments && perceptron=$american

for precision in f32 f64; do
  say solve-dense-$precision solve $linear --width 5,64 --engine dense --seeds 2 --precision $precision --set "$everything" --set "$few" --set optimizer.steps=20 --device cpu --json
  say solve-perceptron-$precision solve $wide --width 6,64 --engine dense --seeds 2 --precision $precision --set "$perceptron" --device cpu --json
  say solve-conditioned-$precision solve $wide --width 64,3000 --engine conditioned --precision $precision --device cpu --json
  say solve-recomputed-$precision solve $wide --width 3000 --engine conditioned --precision $precision "${recomputed[@]}" --device cpu --json
  say solve-regenerated-$precision solve $wide --width 500 --engine regenerated --precision $precision --device cpu --json
done
say solve-limit solve $linear --width inf --set "$everything" --set "$few" --set optimizer.steps=20 --json
say solve-law solve $linear --width 5,64,1e6,1e12 --engine law --seeds 2 --set "$everything" --set "$few" --set optimizer.steps=20 --json
say solve-text solve $linear --width 64,1e6,inf
say solve-flow solve $linear --width 8,1e6,inf --set 'optimizer={ kind = "flow", times = [0, 1, 2] }' --set 'record={ quantities = ["train_loss"] }'
for rule in 'kind = "momentum", momentum = 0.9, learning_rate = 0.01, steps = 20' 'kind = "sgd", batch_size = 16, learning_rate = 0.01, steps = 20'; do
  say "solve-$(cut -d'"' -f2 <<<"$rule")" solve $linear --width 16,1e6,inf --set "optimizer={ $rule }" --set 'record={ at = [0, 20], quantities = ["train_loss", "predictor"] }' --json
done
say solve-rmsprop solve $wide --width 32 --set 'optimizer={ kind = "rmsprop", learning_rate = 0.001, steps = 10 }' --set 'record={ at = [0, 10], quantities = ["train_loss", "outputs"] }' --device cpu --json
say solve-ensemble solve $wide --width 32 --set ensemble.networks=20 --set 'record={ at = [0, 16], quantities = ["outputs", "output_std"] }' --device cpu --json
say solve-classifier solve $classifier --width 128,1e4,inf --engine law --json
say solve-kernel-regime solve $wide --width 64,inf --set 'parameterization={ kind = "ntk" }' --device cpu --json
say parameterization parameterization $linear --width 1e6
say kernel kernel experiments/kernel-regime/kernel.toml --json
"$binary" kernel experiments/kernel-regime/kernel.toml --set data.train_samples=50 --output "$out/kernel.csv" >/dev/null 2>&1
say kernel-finite kernel experiments/kernel-regime/kernel.toml --width 128 --set data.train_samples=20 --device cpu --json
say kernel-spectrum kernel experiments/kernel-regime/kernel.toml --spectrum --set data.train_samples=60 --json
say predict predict experiments/kernel-regime/predict.toml --json
say predict-readout predict experiments/kernel-regime/predict.toml --set predict.trained=readout --set data.train_samples=80 --json
say prior prior experiments/proportional/prior.toml --json
say prior-limit prior experiments/proportional/prior.toml --set 'network.width="inf"' --json
say prior-network prior experiments/proportional/prior.toml --set network.width=8 --set 'sample={ draws = 20, by = "network", seed = 3 }' --device cpu --json
say posterior posterior experiments/proportional/digits-posterior.toml --json
say posterior-finite posterior experiments/proportional/digits-posterior.toml --set network.width=64 --json
say scaling scaling experiments/scaling-limits/problem.toml --json
say scaling-named scaling --name mf
say scaling-abc scaling --abc 0,0.5,0.5/0,0,0/0 --json
say coordinate-check coord-check experiments/coordinate-check/mean-field.toml --width 32,64,128 --seeds 2 --steps 2 --device cpu --json
study quickstart experiments/quickstart.toml --set axes.seed=[1,2,3] --set 'axes.width=[64, 256, 1e4, 1e8, "inf"]'
study kernel-regime experiments/kernel-regime/gaussianity.toml --set problem.ensemble.networks=200 --set axes.seed=[1,2]
study proportional-prior experiments/proportional/rate.toml
study proportional-posterior experiments/proportional/calibration.toml
study wide experiments/wide/tolerance.toml --set axes.seed=[1,2]
study mean-field experiments/mean-field/richness.toml
