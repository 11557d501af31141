import java.util.logging.Logger;

/** Says hello, and which modules of Java are in the runtime that runs it. */
public class Hello {
    public static void main(String[] words) {
        Logger.getLogger("hello").fine("not shown");
        var modules = ModuleLayer.boot().modules().stream().map(Module::getName).sorted().toList();
        System.out.println("hello, from a Java of " + String.join(" and ", modules));
    }
}
