/** One run for all who ask for a key while it is under way. What failed is not remembered. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Promise<T>>();

  run(key: string, work: () => Promise<T>): Promise<T> {
    const known = this.#flights.get(key);
    if (known !== undefined) return known;
    const flight = work().finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return flight;
  }

  /** Whoever asks from now on does not join the run that is under way. */
  forget(key: string): void {
    this.#flights.delete(key);
  }
}
