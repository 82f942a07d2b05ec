#!/usr/bin/env bash
# Deploys to AWS; ./deploy.sh --help says how. Nothing is changed before everything it needs has been looked at.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
  cat <<'TEXT'
usage: ./deploy.sh dev                    deploy into the dev account
       ./deploy.sh prod                   release HEAD through the pipeline
       ./deploy.sh prod --direct          deploy into the prod account, without the pipeline
       ./deploy.sh "commit message"       commit what is changed here and release it through the pipeline
       ./deploy.sh --test-alert dev|prod  send one alert the whole way to the email
       ./deploy.sh --smoke dev            take the sample the whole way from a file to an answer and an alert
options: --yes   do not ask
         --help  this text

Accounts, regions, profiles and addresses are in cdk.json below context.signals; AWS_PROFILE and SIGNALS_ALERT_EMAIL
go before them. The first deployment is in doc/operations.md.
TEXT
}

fail() { # message [exit code]
  echo "deploy.sh: $1" >&2
  exit "${2:-1}"
}

require() { # tool, what for
  command -v "$1" >/dev/null 2>&1 || fail "$1 is not installed; it is needed $2" 2
}

# Images are built for ARM64, and what is executed while they are built runs on the machine's own platform: an engine
# with BuildKit is enough, emulation is not needed.
require_docker() {
  local docker=${CDK_DOCKER:-docker}
  require "$docker" 'to build the images'
  "$docker" info >/dev/null 2>&1 || fail "$docker does not answer; start it, it builds the images" 2
  "$docker" buildx version >/dev/null 2>&1 || fail "$docker has no buildx; install it, it builds images for ARM64" 2
  export DOCKER_BUILDKIT=1
}

# Leaves by itself with a line for each problem. Sets and exports the profile that the deployment uses.
preflight() { # dev, prod or pipeline
  local found name value
  found=$(npm run -s preflight -- "$1") || exit $?
  while IFS='=' read -r name value; do
    case $name in
      account) account=$value ;;
      region) region=$value ;;
      branch) branch=$value ;;
      protect) protect=$value ;;
      profile) if [ -n "$value" ]; then export AWS_PROFILE=$value; fi ;;
    esac
  done <<<"$found"
  echo "$1 is account $account, region $region${AWS_PROFILE:+, profile $AWS_PROFILE}"
}

confirm() { # question
  if [ "$yes" = true ]; then return; fi
  [ -t 0 ] || fail "nobody is there to answer \"$1\"; say --yes" 2
  local answer
  read -r -p "$1 [y/N] " answer
  case $answer in y | Y | yes) ;; *) fail 'not done' ;; esac
}

require_clean_tree() {
  [ -z "$(git status --porcelain)" ] || fail "there are uncommitted changes; commit them, or say ./deploy.sh \"message\"" 2
}

# The tree that a commit of everything would have, without touching the index.
tree_of_changes() {
  local index tree
  index=$(mktemp)
  cp "$(git rev-parse --git-path index)" "$index" 2>/dev/null || rm -f "$index"
  tree=$(GIT_INDEX_FILE=$index git add --all && GIT_INDEX_FILE=$index git write-tree)
  rm -f "$index"
  echo "$tree"
}

# What would change, and what it costs. Synthesized once: what is shown is what is deployed. Stacks that exist are declared
# protected: the CDK would switch their protection off. One that does not exist is not: a failed creation would stay.
show() { # dev or prod
  npx cdk synth --quiet ${protect:+--context "protect=$protect"}
  npx cdk diff --app cdk.out --method=template "$1/*"
  npm run -s cost -- --stage "$1"
}

# What the pipeline would change, in its order: itself, dev, prod. The credentials need not reach every account.
show_release() {
  local part
  npx cdk synth --quiet --context release=true
  for part in Pipeline 'dev/*' 'prod/*'; do
    npx cdk diff --app cdk.out --method=template "$part" ||
      echo "deploy.sh: note: $part could not be compared with what is deployed" >&2
  done
  npm run -s cost -- --stage prod --release
}

deploy_stage() { # dev or prod
  require_docker
  preflight "$1"
  npm run -s check
  show "$1"
  if [ "$1" = prod ]; then confirm "Deploy $(git rev-parse --short HEAD) into prod?"; fi
  local approval=broadening
  if [ "$yes" = true ]; then approval=never; fi
  local failed=0 unprotected=0
  npx cdk deploy --app cdk.out "$1/*" --require-approval "$approval" --outputs-file "cdk.out/outputs-$1.json" ||
    failed=$?
  # A deployment that failed may have created one of the stacks that are kept, too.
  npm run -s protect -- "$1" || unprotected=$?
  [ "$failed" = 0 ] || fail 'not everything is deployed; see "When a deployment fails" in doc/operations.md' "$failed"
  [ "$unprotected" = 0 ] || fail "deployed, but not protected; try again: npm run -s protect -- $1" "$unprotected"
  echo
  sed -n 's/^ *"\(DataBucket\|AthenaBucket\|TaskNetwork\)": "\([^"]*\)".*/\1 \2/p' "cdk.out/outputs-$1.json"
  echo "Confirm the email subscription when this was the first deployment: AWS has sent a link to each address."
  echo "Then try the alerts: ./deploy.sh --test-alert $1"
  if [ "$1" = dev ]; then echo "Or the whole way from prices to an answer: ./deploy.sh --smoke dev"; fi
}

# The pipeline releases one branch: a push of another one would release nothing.
require_branch() {
  local current
  current=$(git rev-parse --abbrev-ref HEAD)
  [ "$current" = "$branch" ] || fail "this is branch $current, and the pipeline releases $branch" 2
}

push_to_pipeline() {
  git push origin "HEAD:$branch"
  echo "The pipeline checks the commit, deploys dev, and asks for your approval before prod."
}

release_head() {
  require_clean_tree
  preflight pipeline
  require_branch
  npm run -s check
  show_release
  confirm "Release $(git log -1 --format='%h "%s"') through the pipeline?"
  push_to_pipeline
}

commit_and_release() { # message
  [ -n "$(git status --porcelain)" ] || fail 'there is nothing to commit; ./deploy.sh prod releases HEAD' 2
  preflight pipeline
  require_branch
  local shown
  shown=$(tree_of_changes)
  make check
  show_release
  echo
  echo "To be committed as \"$1\":"
  git status --short
  confirm 'Commit and release this through the pipeline?'
  [ "$(tree_of_changes)" = "$shown" ] || fail 'files have changed since they were checked; nothing was committed'
  git add --all
  git commit --quiet -m "$1"
  push_to_pipeline
}

test_alert() { # dev or prod
  preflight "$1"
  npm run -s test-alert -- "$1"
}

smoke() { # dev
  preflight "$1"
  npm run -s smoke -- "$1"
}

yes=false
direct=false
alert=false
smoke=false
target=
account=
region=
branch=
protect=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --yes) yes=true ;;
    --direct) direct=true ;;
    --test-alert) alert=true ;;
    --smoke) smoke=true ;;
    --*) fail "$1 is not an option; see ./deploy.sh --help" 2 ;;
    *)
      [ -z "$target" ] || fail "\"$1\" comes after \"$target\"; put a message into quotes" 2
      target=$1
      ;;
  esac
  shift
done
if [ -z "$target" ]; then
  usage >&2
  exit 2
fi
if [ "$direct" = true ] && [ "$target" != prod ]; then fail '--direct goes with prod' 2; fi

require git 'for what is released'
require npm 'for everything'
require npx 'to call the CDK'

if [ "$alert" = true ]; then
  case $target in
    dev | prod) test_alert "$target" ;;
    *) fail "--test-alert takes dev or prod, not \"$target\"" 2 ;;
  esac
  exit 0
fi
if [ "$smoke" = true ]; then
  [ "$target" = dev ] || fail "--smoke takes dev, not \"$target\": prod has no lake to try things in" 2
  smoke dev
  exit 0
fi

case $target in
  dev) deploy_stage dev ;;
  prod)
    if [ "$direct" = true ]; then
      require_clean_tree
      deploy_stage prod
    else
      release_head
    fi
    ;;
  *[!a-z]*)
    require make 'to check what is committed'
    commit_and_release "$target"
    ;;
  *) fail "\"$target\" is neither dev nor prod; a commit message has more than one small word" 2 ;;
esac
