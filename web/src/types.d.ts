/** paintbox.json, as tools/onnx_export/export.py writes it. */
export interface Manifest {
  version: string;
  /** Of the weights, as a word learned with them may name it. */
  fingerprint: string;
  picture_size: number;
  latent: [number, number, number];
  batch: number;
  files: Record<string, FileFacts>;
  graphs: Record<GraphName, { graph: string; weights: string[] }>;
  text: TextSettings;
  start: { text: string; vector: number[] };
  schedule: Schedule;
  /** The first numbers of the noise that Python sees in a ramp from -1 to 1, without a prompt. */
  probe: { t: number; eps: number[] };
  gallery: Gallery;
}

export type GraphName = "text" | "encode" | "decode" | "unet" | "learn";

export interface FileFacts {
  bytes: number;
  sha256: string;
}

export interface TextSettings {
  length: number;
  width: number;
  begin: number;
  end: number;
  pad: number;
  vocabulary: Record<string, number>;
}

/** The noise levels: abar of each timestep, and after the last step. */
export interface Schedule {
  alphas: number[];
  final: number;
  offset: number;
  coarse_level: number;
}

export interface Gallery {
  styles: GalleryStyle[];
  contents: GalleryContent[];
  /** Where the truth of a content in a style lies: a path with {content} and {style}. */
  truth: string;
}

export interface GalleryStyle {
  name: string;
  label: string;
  picture: string;
  /** What calls the style in a prompt, for an artist that the painter knows by name. */
  prompt: string | null;
  /** The word that comes with the painter, if one does, and how many steps of learning made it. */
  word: { file: string; steps: number } | null;
}

export interface GalleryContent {
  name: string;
  label: string;
  picture: string;
}

/** A learned word: k vectors of the painter's text width, one after the other. */
export interface Word {
  vectors: Float32Array;
  k: number;
  info: Record<string, unknown>;
}

export type Inversion = "stochastic" | "ddim" | "noise";

export interface TransferSettings {
  prompt: string;
  strength: number;
  guidance: number;
  steps: number;
  inversion: Inversion;
  seed: number;
}

export interface DrawSettings {
  prompt: string;
  guidance: number;
  steps: number;
  seed: number;
}

export interface LearnSettings {
  steps: number;
  learningRate: number;
  evaluateEvery: number;
  pairs: number;
  seed: number;
}

/** A content picture (RGBA) to repaint while a word is learned, and how. */
export interface Preview {
  rgba: Uint8ClampedArray;
  settings: TransferSettings;
}

/** How far a step of work is; `pixels` is RGBA of the picture as it is now. */
export interface StepReport {
  step: number;
  steps: number;
  pixels?: Uint8ClampedArray;
}

export interface LearnReport {
  step: number;
  steps: number;
  loss?: number;
  vectors?: Float32Array;
  pixels?: Uint8ClampedArray<ArrayBuffer> | null;
}

export interface LoadReport {
  bytes: number;
  total: number;
  file: string;
}
