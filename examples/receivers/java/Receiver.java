import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Receive what the hub tells: verify, take each change once, and answer at once. Java 8 or newer, nothing else.
 *
 * <pre>
 *   javac Receiver.java
 *   WEBHOOK_SECRET=whsec_... java Receiver               listens on http://127.0.0.1:8090/
 *   java Receiver --check signature-vectors.tsv          tests verify against the hub's own vectors
 * </pre>
 */
public final class Receiver {
    private static final long TOLERANCE = 300; // seconds that a message may be old, or ahead
    private static final Set<String> TAKEN = ConcurrentHashMap.newKeySet(); // keep these in your database

    /** Return whether a message is genuine. The body is the bytes as they came, before any parsing. */
    static boolean verify(String secret, String id, String stamp, String shown, byte[] body, long now)
            throws GeneralSecurityException {
        if (id == null || stamp == null || shown == null || !stamp.matches("[0-9]{1,11}")) return false;
        if (Math.abs(now - Long.parseLong(stamp)) > TOLERANCE) return false;
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(Base64.getDecoder().decode(secret.substring("whsec_".length())), "HmacSHA256"));
        mac.update((id + "." + stamp + ".").getBytes(StandardCharsets.UTF_8));
        String wanted = "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body));
        boolean fits = false;
        // Several signatures, with blanks between, while keys are exchanged; each begins with its version.
        for (String one : shown.split(" ")) {
            fits |= MessageDigest.isEqual(
                    wanted.getBytes(StandardCharsets.UTF_8), one.getBytes(StandardCharsets.UTF_8));
        }
        return fits;
    }

    private static void receive(HttpExchange exchange) throws IOException {
        Headers headers = exchange.getRequestHeaders();
        byte[] body = read(exchange.getRequestBody());
        String id = headers.getFirst("webhook-id");
        int status = 500; // The hub tries again.
        try {
            boolean genuine = verify(System.getenv("WEBHOOK_SECRET"), id, headers.getFirst("webhook-timestamp"),
                    headers.getFirst("webhook-signature"), body, System.currentTimeMillis() / 1000);
            if (genuine && TAKEN.add(id)) {
                System.out.println(id + " " + new String(body, StandardCharsets.UTF_8)); // parse, and use it here
            }
            status = genuine ? 204 : 401;
        } catch (GeneralSecurityException | RuntimeException error) {
            System.err.println(error);
        }
        exchange.sendResponseHeaders(status, -1);
        exchange.close();
    }

    private static byte[] read(InputStream from) throws IOException {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        byte[] piece = new byte[8192];
        for (int count = from.read(piece); count >= 0; count = from.read(piece)) whole.write(piece, 0, count);
        return whole.toByteArray();
    }

    /** Each line: valid, secret, id, timestamp, signature, now, and the body in Base64, with tabs between. */
    private static int check(String path) throws IOException, GeneralSecurityException {
        int wrong = 0;
        int count = 0;
        for (String line : Files.readAllLines(Paths.get(path), StandardCharsets.UTF_8)) {
            String[] one = line.split("\t", -1);
            byte[] body = Base64.getDecoder().decode(one[6]);
            boolean valid = verify(one[1], one[2], one[3], one[4], body, Long.parseLong(one[5]));
            wrong += valid == Boolean.parseBoolean(one[0]) ? 0 : 1;
            count++;
        }
        System.out.println(count + " vectors, " + wrong + " wrong");
        return wrong;
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 2 && arguments[0].equals("--check")) System.exit(check(arguments[1]));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 8090), 0);
        server.createContext("/", Receiver::receive);
        server.start();
    }
}
