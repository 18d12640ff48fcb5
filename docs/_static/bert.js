/* BERT in the page: reads safetensors, prunes by magnitude, and guesses the word behind [MASK].

   The same steps as helpers.pruning.magnitude_mask and transformers' BertForMaskedLM, in one file
   that can be read from top to bottom. A matrix is {shape: [rows, columns], data: Float32Array};
   a row of `data` is what one output takes from all inputs, as in torch.nn.Linear. */
"use strict";

/* The tensors of a safetensors file (Uint8Array), by name: 8 bytes say how long the header is, the
   header says where each tensor lies, and the numbers follow. */
function readSafetensors(bytes) {
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  const tensors = {};
  delete header.__metadata__;
  for (const [name, { dtype, shape, data_offsets: [begin, end] }] of Object.entries(header)) {
    if (dtype !== "F32") throw new Error(`${name} is ${dtype}; only F32 can be read here`);
    tensors[name] = { shape, data: new Float32Array(bytes.slice(8 + size + begin, 8 + size + end).buffer) };
  }
  return tensors;
}

/* ---- pruning ---------------------------------------------------------------------------------- */

/* How many of `total` weights are pruned; halves go to the even number, as Python rounds. */
function pruneCount(total, sparsity) {
  const exact = total * sparsity, below = Math.floor(exact);
  return exact - below === 0.5 ? below + (below % 2) : Math.round(exact);
}

/* The weights with the smallest magnitudes at 0, written into `pruned`. Among equal magnitudes those
   that come first go first. `ordered` are all magnitudes, from small to large. */
function pruneByMagnitude(data, ordered, sparsity, pruned = new Float32Array(data.length)) {
  const count = pruneCount(data.length, sparsity), threshold = count ? ordered[count - 1] : -1;
  let ties = 0; // as large as the threshold: so many of them go
  while (ties < count && ordered[count - 1 - ties] === threshold) ties++;
  for (let i = 0; i < data.length; i++) {
    const magnitude = Math.abs(data[i]);
    pruned[i] = magnitude < threshold || (magnitude === threshold && ties-- > 0) ? 0 : data[i];
  }
  return pruned;
}

/* ---- the forward pass ------------------------------------------------------------------------- */

/* y = W x + b for each token; `x` is a list of Float64Array. */
function linear(x, weight, bias) {
  const [outputs, inputs] = weight.shape, w = weight.data;
  return x.map((token) => {
    const y = new Float64Array(outputs);
    for (let o = 0; o < outputs; o++) {
      let sum = bias ? bias.data[o] : 0;
      for (let i = 0, at = o * inputs; i < inputs; i++) sum += w[at + i] * token[i];
      y[o] = sum;
    }
    return y;
  });
}

/* Shift and scale each token to mean 0 and variance 1, then by what was learnt. */
function layerNorm(x, gain, bias, epsilon) {
  return x.map((token) => {
    let mean = 0, variance = 0;
    for (const value of token) mean += value / token.length;
    for (const value of token) variance += (value - mean) ** 2 / token.length;
    const deviation = Math.sqrt(variance + epsilon);
    return token.map((value, i) => ((value - mean) / deviation) * gain.data[i] + bias.data[i]);
  });
}

/* The error function to 1.5e-7 (Abramowitz and Stegun 7.1.26). */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - poly * Math.exp(-x * x));
}

const gelu = (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
const add = (a, b) => a.map((token, t) => token.map((value, i) => value + b[t][i]));

function softmax(values) {
  const top = values.reduce((a, b) => Math.max(a, b)), powers = values.map((v) => Math.exp(v - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/* Each head mixes the values of all tokens, by how well a query fits their keys. */
function attention(query, key, value, heads) {
  const width = key[0].length, size = width / heads, scores = new Float64Array(key.length);
  return query.map((q) => {
    const mixed = new Float64Array(width);
    for (let from = 0; from < width; from += size) {
      key.forEach((k, other) => {
        let dot = 0;
        for (let i = from; i < from + size; i++) dot += q[i] * k[i];
        scores[other] = dot / Math.sqrt(size);
      });
      softmax(scores).forEach((share, other) => {
        for (let i = from; i < from + size; i++) mixed[i] += share * value[other][i];
      });
    }
    return mixed;
  });
}

class PocketBert {
  /* `weights` is a safetensors file in base64; `words` lists the vocabulary, place = id; `groups`
     are lists of names of prunable matrices, relative to the encoder. */
  constructor({ weights, config, words, groups }) {
    const tensors = readSafetensors(Uint8Array.from(atob(weights), (c) => c.charCodeAt(0)));
    this.tensors = tensors;
    this.config = config;
    this.words = words;
    this.groups = groups;
    this.ids = new Map(words.map((word, id) => [word, id]));
    this.ordered = {};
    this.pruned = {};
    for (const name of Object.values(groups).flat())
      this.ordered[name] = tensors["bert." + name].data.map(Math.abs).sort();
  }

  /* The ids of a sentence: [CLS], its words in lower case without accents, [SEP]. */
  encode(sentence) {
    const ids = [];
    for (const part of sentence.split(/(\[(?:PAD|UNK|CLS|SEP|MASK)\])/)) {
      if (this.ids.has(part) && part.startsWith("[")) ids.push(this.ids.get(part));
      else {
        const plain = part.toLowerCase().normalize("NFD").replace(/\p{Mn}/gu, "");
        for (const word of plain.match(/[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+/gu) ?? []) ids.push(...this.pieces(word));
      }
    }
    return [this.ids.get("[CLS]"), ...ids.slice(0, this.config.max_position_embeddings - 2), this.ids.get("[SEP]")];
  }

  /* WordPiece: the longest known piece, again and again. */
  pieces(word) {
    const found = [];
    for (let start = 0; start < word.length; ) {
      let end = word.length;
      while (end > start && !this.ids.has((start ? "##" : "") + word.slice(start, end))) end--;
      if (end === start) return [this.ids.get("[UNK]")];
      found.push(this.ids.get((start ? "##" : "") + word.slice(start, end)));
      start = end;
    }
    return found;
  }

  /* All tensors, those of the named groups pruned. A pruned matrix is kept until its sparsity
     changes; then it is written anew in the same place. */
  prune(groups, sparsity) {
    const tensors = { ...this.tensors };
    for (const name of groups.flatMap((group) => this.groups[group])) {
      const { shape, data } = this.tensors["bert." + name];
      const kept = (this.pruned[name] ??= { shape, data: new Float32Array(data.length) });
      if (kept.sparsity !== sparsity) pruneByMagnitude(data, this.ordered[name], sparsity, kept.data);
      kept.sparsity = sparsity;
      tensors["bert." + name] = kept;
    }
    return tensors;
  }

  /* The logits of all words at one place. The last layer looks at all tokens, but only what it
     makes of this one is asked for. */
  logits(ids, place, tensors = this.tensors) {
    const { config } = this, of = (name) => tensors[name];
    const dense = (x, name) => linear(x, of(`${name}.weight`), of(`${name}.bias`));
    const norm = (x, name) =>
      layerNorm(x, of(`${name}.LayerNorm.weight`), of(`${name}.LayerNorm.bias`), config.layer_norm_eps);
    const row = ({ shape, data }, at) => Float64Array.from(data.subarray(at * shape[1], (at + 1) * shape[1]));
    const [word, position, type] = ["word", "position", "token_type"].map(
      (kind) => of(`bert.embeddings.${kind}_embeddings.weight`));
    let x = ids.map((id, t) => add(add([row(word, id)], [row(position, t)]), [row(type, 0)])[0]);
    x = norm(x, "bert.embeddings");
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      const here = `bert.encoder.layer.${layer}`;
      const [key, value] = ["key", "value"].map((n) => dense(x, `${here}.attention.self.${n}`));
      if (layer === config.num_hidden_layers - 1) x = [x[place]];
      const query = dense(x, `${here}.attention.self.query`);
      const mixed = attention(query, key, value, config.num_attention_heads);
      x = norm(add(x, dense(mixed, `${here}.attention.output.dense`)), `${here}.attention.output`);
      const inner = dense(x, `${here}.intermediate.dense`).map((token) => token.map(gelu));
      x = norm(add(x, dense(inner, `${here}.output.dense`)), `${here}.output`);
    }
    const head = "cls.predictions.transform";
    x = norm(dense(x, `${head}.dense`).map((token) => token.map(gelu)), head);
    return linear(x, word, of("cls.predictions.bias"))[0]; // the output shares the word embeddings
  }

  /* The likeliest words for the first [MASK] of a sentence: [{word, probability}], best first. */
  topWords(sentence, groups = [], sparsity = 0, count = 5) {
    const ids = this.encode(sentence), place = ids.indexOf(this.ids.get("[MASK]"));
    if (place < 0) throw new Error("Write [MASK] where a word should be guessed.");
    const probabilities = softmax(this.logits(ids, place, this.prune(groups, sparsity)));
    return Array.from(probabilities, (probability, id) => ({ word: this.words[id], probability }))
      .sort((a, b) => b.probability - a.probability).slice(0, count);
  }

  /* The words of a sentence that are not in the vocabulary. */
  unknown(sentence) {
    return sentence.split(/\s+/).filter((word) => word && this.encode(word).includes(this.ids.get("[UNK]")));
  }
}
