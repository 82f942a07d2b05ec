/** What this process has used so far; megabytes are 10^6 bytes of resident memory at its peak. */
export function measureUsage(): { readonly cpuSeconds: number; readonly peakMemoryMB: number } {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  return { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMemoryMB: (maxRSS * 1024) / 1e6 };
}
