<?php
/**
 * Receive what the hub tells: verify, take each change once, and answer at once. PHP 7.1 or newer, nothing else.
 *
 *   WEBHOOK_SECRET=whsec_... php -S 127.0.0.1:8090 receiver.php
 *   php receiver.php signature-vectors.json               tests verify against the hub's own vectors
 */
declare(strict_types=1);

const TOLERANCE = 300; // seconds that a message may be old, or ahead

/** Return whether a message is genuine. $body is the bytes as they came, before any parsing. */
function verify(string $secret, string $id, string $stamp, string $shown, string $body, int $now): bool
{
    if ($id === '' || !preg_match('/^[0-9]{1,11}$/D', $stamp) || abs($now - (int) $stamp) > TOLERANCE) {
        return false;
    }
    $raw = base64_decode(substr($secret, strlen('whsec_')), true);
    $wanted = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$stamp.$body", $raw, true));
    $fits = false;
    // Several signatures, with blanks between, while keys are exchanged; each begins with its version.
    foreach (explode(' ', $shown) as $one) {
        $fits = hash_equals($wanted, $one) || $fits;
    }
    return $fits;
}

/** Run the vectors that are signed by HMAC; return how many verify judged wrongly. */
function check(string $path): int
{
    $wrong = $count = 0;
    foreach (json_decode(file_get_contents($path), true)['vectors'] as $one) {
        if ($one['algorithm'] !== 'v1') {
            continue;
        }
        $headers = $one['headers'] + ['webhook-id' => '', 'webhook-timestamp' => '', 'webhook-signature' => ''];
        $valid = verify($one['secret'], $headers['webhook-id'], $headers['webhook-timestamp'],
            $headers['webhook-signature'], $one['body'], $one['now']);
        $wrong += $valid === $one['valid'] ? 0 : 1;
        $count++;
    }
    echo "$count vectors, $wrong wrong\n";
    return $wrong;
}

if (PHP_SAPI === 'cli') {
    exit(check($argv[1]));
}

$body = file_get_contents('php://input');
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$genuine = verify(getenv('WEBHOOK_SECRET'), $id, $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '',
    $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '', $body, time());
if (!$genuine) {
    http_response_code(401);
    exit;
}
// Look the id up in your database here, and take the change in the same transaction: it may come again.
error_log("$id $body");
http_response_code(204);
