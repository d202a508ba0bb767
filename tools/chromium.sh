#!/bin/bash
# A browser for make test-browser: the one that is there, else Debian's, where apt-get may install it. Without one those tests are skipped.
for name in chromium chromium-browser google-chrome; do command -v "$name" > /dev/null && exit; done
command -v apt-get > /dev/null || { echo 'no Chromium and no apt-get: browser tests will be skipped'; exit 0; }
sudo=; [ "$(id -u)" -eq 0 ] || sudo='sudo -n'
echo 'installing chromium through apt-get'
$sudo apt-get -qq update && $sudo apt-get -qq install -y chromium > /dev/null || echo 'that failed: browser tests will be skipped'
