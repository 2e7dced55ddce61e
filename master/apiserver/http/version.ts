/** The version of Kubernetes whose API is served, as /version tells it. */
export const version = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.0+trimaster',
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node ${process.version}`,
  compiler: 'v8',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const;
