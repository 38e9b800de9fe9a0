import { type TarMember, writeTar } from '../../files/tar.js'
import type { PushAction } from '../action.js'
import { expectDone, type Remote } from './remote.js'

/** Generations whose backups are kept on a host. */
export const KEPT_GENERATIONS = 5

// Shared by placing, finishing and rolling back; `g` is the generation, the folder is 0700.
const COMMON = `export LC_ALL=C; umask 077; trap '' HUP PIPE
b=/var/lib/kpki; d=$b/generations/$g
mkdir -p /run/kpki "$b/generations" && chmod 700 "$b" "$b/generations" || exit 1
exec 8>/run/kpki/push; flock -w 60 8 || { echo "another push is still at work" >&2; exit 1; }
tab=$(printf '\\t')
temp() { printf '%s/.%s.kpki-%s' "$(dirname "/$1")" "$(basename "$1")" "$g"; }
discard() {
  if [ -f "$d/moves" ]; then while IFS="$tab" read -r mode owner change path; do rm -f "$(temp "$path")"; done <"$d/moves"; fi
  rm -rf "$d"
}
swap() {
  while IFS="$tab" read -r mode owner change path; do
    t=$(temp "$path")
    if [ "$change" = mode ]; then chown "$owner" "/$path" && chmod "$mode" "/$path" || return 1
    elif [ "$change" = remove ]; then rm -f "/$path" || return 1
    elif [ -e "$t" ]; then mv -fT "$t" "/$path" || return 1; fi
  done <"$d/moves"
  cut -f 4 "$d/moves" | while IFS= read -r path; do dirname "/$path"; done | sort -u | while IFS= read -r f; do [ -d "$f" ] && sync "$f"; done
  { cat "$d/sums"; [ ! -f "$b/pushed" ] || cat "$b/pushed"; } | awk -v moves="$d/moves" -F '\\t' 'BEGIN{while((getline l <moves)>0){split(l,m,"\\t"); if(m[3]=="remove") gone[m[4]]=1}} {p=substr($0,67); if(!(p in seen)&&!(p in gone)){seen[p]=1; print}}' >"$b/pushed.new" && mv -f "$b/pushed.new" "$b/pushed" || return 1
  rm -rf "$d/files"; echo "$g" >"$b/generation"; : >"$d/done"; sync "$d/done"
}
`

// One stream in; every file is verified and lies ready beside its target before the first one is renamed.
const PLACE = `g=$1 keep=$2
${COMMON}
fail() { echo "$1" >&2; discard; exit 1; }
mkdir "$d" && cd "$d" || exit 1
tar --no-same-owner -xf - || fail "receiving the files failed"
(cd files && sha256sum --strict --quiet -c ../sums) >&2 || fail "the files did not arrive as they were sent"
while IFS="$tab" read -r mode path; do [ -d "/$path" ] || mkdir -m "$mode" "/$path" || fail "making /$path failed"; done <folders
mkdir backup || fail "making the backup failed"
while IFS="$tab" read -r mode owner change path; do
  if [ -e "/$path" ]; then mkdir -p "backup/$(dirname "$path")" && cp -p "/$path" "backup/$path" || fail "keeping the previous /$path failed"; fi
  [ "$change" = mode ] && continue
  t=$(temp "$path")
  cp "files/$path" "$t" && chown "$owner" "$t" && chmod "$mode" "$t" && sync "$t" || fail "writing /$path failed"
done <moves
: >prepared; sync prepared . || fail "writing failed"
swap || { echo "placing the files stopped half-way; the next run completes it" >&2; exit 1; }
ls -1 "$b/generations" | grep -E '^[0-9]{8}T[0-9]{6}Z-[0-9a-f]+$' | sort | head -n "-$keep" | while IFS= read -r old; do [ -e "$b/generations/$old/done" ] && rm -rf "$b/generations/$old"; done
echo placed`

/** Completes a generation that was ready when the host went down, or clears away one that was not. */
export const FINISH = `g=$1
${COMMON}
[ -d "$d" ] && [ ! -e "$d/done" ] || exit 0
if [ -e "$d/prepared" ]; then swap || exit 1; echo completed; else discard; echo discarded; fi`

/** Puts back what the latest generation replaced, as a generation of its own. */
const ROLLBACK = `g=$1 wanted=$2
${COMMON}
[ -n "$wanted" ] || wanted=$(cat "$b/generation" 2>/dev/null)
s=$b/generations/$wanted
case $wanted in ''|*/*) echo "there is no generation to go back from" >&2; exit 3;; esac
[ -e "$s/done" ] || { echo "there is no generation $wanted" >&2; exit 3; }
[ ! -e "$s/undone" ] || { echo "generation $wanted is rolled back already" >&2; exit 3; }
fail() { echo "$1" >&2; discard; exit 1; }
mkdir "$d" "$d/backup" && : >"$d/moves" && : >"$d/sums" || exit 1
while IFS="$tab" read -r mode owner change path; do
  [ "$change" = remove ] && continue
  if [ -e "/$path" ]; then mkdir -p "$d/backup/$(dirname "$path")" && cp -p "/$path" "$d/backup/$path" || fail "keeping /$path failed"; fi
  if [ -f "$s/backup/$path" ]; then
    t=$(temp "$path"); cp -p "$s/backup/$path" "$t" && sync "$t" || fail "writing /$path failed"
    printf '%s\\t%s\\treplace\\t%s\\n' "$(stat -c %a "$t")" "$(stat -c %u:%g "$t")" "$path" >>"$d/moves"
    printf '%s  %s\\n' "$(sha256sum <"$t" | cut -c1-64)" "$path" >>"$d/sums"; echo "restored /$path"
  elif [ -e "/$path" ]; then
    if grep -qxF "$(sha256sum <"/$path" | cut -c1-64)  $path" "$s/sums"; then printf '%s\\t%s\\tremove\\t%s\\n' "$mode" "$owner" "$path" >>"$d/moves"; echo "removed /$path"
    else echo "left /$path: it has changed since"; fi
  fi
done <"$s/moves"
: >"$d/prepared"; sync "$d/prepared"; swap || exit 1; : >"$s/undone"; echo "rolled back $wanted"`

/** Sends the files of a push in one stream and swaps them in as generation `id`. */
export async function placeFiles(remote: Remote, action: PushAction, id: string): Promise<void> {
  const files = new Map(action.entries.reveal().map((entry) => [entry.path, entry.data]))
  const text = (path: string, lines: readonly string[]): TarMember => ({
    path,
    mode: 0o600,
    data: new TextEncoder().encode(lines.map((line) => `${line}\n`).join('')),
  })
  const sent = action.changes.filter((change) => change.change !== 'mode')
  for (const { path } of action.changes)
    if (/[\n\t\\]|(^|\/)\.\.(\/|$)/.test(path)) throw new Error(`a file has the name ${path}`)
  const members: TarMember[] = [
    text(
      'moves',
      action.changes.map((c) => [c.mode.toString(8), c.owner, c.change, c.path].join('\t')),
    ),
    text(
      'sums',
      sent.map((change) => `${change.sha256}  ${change.path}`),
    ),
    text(
      'folders',
      action.folders.map((folder) => `${folder.mode.toString(8)}\t${folder.path}`),
    ),
    { path: 'files', mode: 0o700 },
    ...sent.map(({ path }) => member(path, files.get(path))),
  ]
  const args = [id, String(KEPT_GENERATIONS)]
  const result = await remote.stream(PLACE, args, stream(members), { timeoutMs: 120_000 })
  expectDone(remote, result, 'placing the files')
}

/** Undoes a generation (the latest one without `wanted`) and tells what was done, line by line. */
export async function rollBack(
  remote: Remote,
  id: string,
  wanted?: string,
): Promise<readonly string[]> {
  const result = await remote.script(ROLLBACK, [id, wanted ?? ''])
  const { stdout } = expectDone(remote, result, 'rolling back')
  return remote.redact(stdout).trim().split('\n')
}

function member(path: string, data: Uint8Array | undefined): TarMember {
  if (data === undefined) throw new Error(`${path} is missing in the tree`)
  return { path: `files/${path}`, mode: 0o600, data }
}

async function* stream(members: Iterable<TarMember>): AsyncGenerator<Uint8Array> {
  yield* writeTar(members)
}
