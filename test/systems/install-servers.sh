#!/usr/bin/env bash
# The real servers that `npm run test:systems` tests against, from Debian's or Ubuntu's packages. Nothing of theirs
# starts by itself here: the tests start their own, on loopback, and stop them. Where they cannot be installed the
# tests say what is missing.
set -euo pipefail

missing=0
for program in slapd samba ldapsearch ldbsearch; do
  command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || missing=1
done
[ "$missing" -eq 1 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "Not all servers are here, and only root on Debian or Ubuntu can install them; tests that need them are skipped:"
  echo "  apt-get install slapd ldap-utils samba-ad-dc samba-ad-provision samba-dsdb-modules ldb-tools"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends \
  slapd ldap-utils samba-ad-dc samba-ad-provision samba-dsdb-modules ldb-tools winbind >/dev/null
