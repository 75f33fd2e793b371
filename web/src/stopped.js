// Work that the reader has ended. An error comes from the worker as its name and its message.

export class Stopped extends Error {
  name = "Stopped";

  constructor() {
    super("Stopped.");
  }
}
